import { JwtService } from '@nestjs/jwt';
import { claimsOf } from '../auth/bearer-token.js';
import type { Caller } from '../auth/caller.js';

/** A bearer token that is good for a day. */
export function signToken(secret: string, caller: Caller): string {
  return new JwtService().sign(claimsOf(caller), { secret, algorithm: 'HS256', expiresIn: '1d' });
}
