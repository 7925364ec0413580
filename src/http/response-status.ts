import { appendCacheStatus } from '../value/cache-status-field.js';
import type { CacheStatusMember } from '../value/cache-status-field.js';
import type { MissReason } from '../value/lookup.js';
import { setHeader } from './http-exchange.js';
import type { HttpResponse } from './http-exchange.js';

/** Why a request never asked the cache. */
export type BypassReason =
  /** It carries `Authorization`, `Cookie` or a user, and the option `principal` was not given. */
  | 'credentials'
  /** A guard stands before the route, and nobody said whose its answer is. */
  | 'guard'
  /** What it chose, its path, query and headers, makes a longer key than there are. */
  | 'long-key'
  /** The function that is the option `principal` gave `undefined`. */
  | 'principal'
  /** Middleware has replaced what the answer would be sent by. */
  | 'patched-response';

/** How RFC 9211, 2.2 calls a miss. */
export const forwardedFor = (reason: MissReason | undefined): NonNullable<CacheStatusMember['fwd']> =>
  reason === 'expired' ? 'stale' : reason === 'forced' ? 'request' : 'miss';

export function writeCacheStatus(response: HttpResponse, member: CacheStatusMember): void {
  setHeader(response, 'Cache-Status', appendCacheStatus(response.getHeader('cache-status'), member));
}
