import type { Caller } from './caller.js';

/** What a token of this service claims. */
export interface TokenClaims {
  readonly lms_user_id: number;
  readonly is_staff: boolean;
  readonly is_active: boolean;
}

export function claimsOf({ lmsUserId, isStaff, isActive }: Caller): TokenClaims {
  return { lms_user_id: lmsUserId, is_staff: isStaff, is_active: isActive };
}

/** The caller that verified claims speak of; `undefined`: they are not claims of this service, or would be good for ever. */
export function callerOf(claims: Partial<TokenClaims> & { readonly exp?: unknown }): Caller | undefined {
  if (typeof claims.exp !== 'number') return undefined;
  const { lms_user_id: lmsUserId, is_staff: isStaff = false, is_active: isActive = false } = claims;
  if (typeof lmsUserId !== 'number' || !Number.isSafeInteger(lmsUserId) || lmsUserId < 1) return undefined;
  return { lmsUserId, isStaff: isStaff === true, isActive: isActive === true };
}
