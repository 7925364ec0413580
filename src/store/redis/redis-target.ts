import type { TlsSettings } from '../tls-settings.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisCredentials } from './redis-credentials.js';

/** Which servers make up one Redis, and how to log in to them. */
export interface RedisTarget {
  /** One server · the primary that sentinels name · the primaries of a Cluster. */
  readonly topology: 'alone' | 'sentinel' | 'cluster';
  /** The server itself, the sentinels, or the nodes to ask for the others. */
  readonly addresses: readonly [RedisAddress, ...RedisAddress[]];
  /** What the sentinels call the primary. */
  readonly primaryName?: string;
  /** 0 in a Cluster. */
  readonly database: number;
  /** Absent: no TLS. */
  readonly tls?: TlsSettings;
  readonly credentials: RedisCredentials;
  /** Sentinels have users of their own; a data server's are not told to them. */
  readonly sentinelCredentials: RedisCredentials;
}
