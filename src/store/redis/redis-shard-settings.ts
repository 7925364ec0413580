import type { RedisAccess } from './redis-access.js';
import type { SessionSettings } from './redis-session.js';
import type { RedisWakes } from './redis-wakes.js';

export interface RedisShardSettings extends SessionSettings {
  readonly access: RedisAccess;
  /** Stands before every key on the wire. */
  readonly prefix: string;
  readonly maxItemBytes: number;
  readonly wakes: RedisWakes;
  /** False only in tests that show what a server goes on answering that was demoted. */
  readonly asksRole: boolean;
  /** It is all that there is: what a server says of itself is said of the shard. */
  readonly isWhole: boolean;
}
