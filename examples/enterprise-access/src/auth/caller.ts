import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';

/** Who sends the request, as the bearer token says. */
export interface Caller {
  readonly lmsUserId: number;
  readonly isStaff: boolean;
  readonly isActive: boolean;
}

/** A request that the guard has let through. */
export interface AuthenticatedRequest {
  readonly headers: { readonly authorization?: string };
  caller?: Caller;
}

/** Injects the caller into a controller's method. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext) => {
  return context.switchToHttp().getRequest<AuthenticatedRequest>().caller;
});

export function isActiveStaff(caller: Caller | undefined): boolean {
  return caller !== undefined && caller.isStaff && caller.isActive;
}

/** Only active staff may go around the cache by `?force_cache_miss=true`. */
export function mayForceMiss({ caller }: AuthenticatedRequest): boolean {
  return isActiveStaff(caller);
}
