import type { RedisIdentity } from '../store/redis/redis-identity.js';

/** What is allowed and yet loses records. */
export function warningsOf({ isAppendOnly, maxMemory, evictionPolicy }: RedisIdentity): string[] {
  const evicts = maxMemory > 0 && evictionPolicy.startsWith('allkeys-');
  return [
    ...(isAppendOnly
      ? []
      : [
          'Redis keeps no append-only file: records that were written since its last snapshot are lost with its process, committed ones among them.',
        ]),
    ...(evicts ? [`maxmemory-policy is ${evictionPolicy}: records are evicted.`] : []),
  ];
}
