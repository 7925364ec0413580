import { textOf } from './redis-reply.js';
import type { RedisReply } from './driver/redis-driver.js';

/** What a server says of itself when it is met. */
export interface RedisIdentity {
  /** `7.0.15`; for Valkey the version of Redis that it stands for. */
  readonly version: string;
  /**
   * Its process and the history of its data, in one text. Another one: what was known of its data proves nothing. A process's own id alone would not do:
   * it comes back when an old primary takes over again.
   */
  readonly incarnation: string;
  /**
   * What the names of all incarnations with the same data begin with. A primary names its history anew when its first replica attaches, and an hour after the
   * last one left; it lost nothing by that. One that was another's replica meanwhile says so by `master_replid2`, until that hour is over.
   */
  readonly sameData: string;
  readonly isPrimary: boolean;
  /** A replica that takes writes of clients, which its primary overwrites or never hears of. */
  readonly isWritableReplica: boolean;
  /** It reads its snapshot and answers nothing yet. */
  readonly isLoading: boolean;
  readonly isCluster: boolean;
  /** Bytes; 0: no limit. */
  readonly maxMemory: number;
  /** `noeviction`, `allkeys-lru`, `volatile-ttl` … */
  readonly evictionPolicy: string;
  readonly usedMemory: number;
  /** Whether acknowledged writes go to a file as well. */
  readonly isAppendOnly: boolean;
  /** Its clock, in epoch ms; absent where it does not say. */
  readonly timeMs?: number;
}

/** Reads the reply to `INFO`; `undefined` where it is none. */
export function readIdentity(reply: RedisReply): RedisIdentity | undefined {
  const facts = new Map(
    [...(textOf(reply) ?? '').matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const [version, runId, replicationId] = ['redis_version', 'run_id', 'master_replid'].map((name) => facts.get(name));
  const role = facts.get('role');
  if (!version || !runId || !replicationId || !role) return undefined;
  const wasReplica = /[^0]/.test(facts.get('master_replid2') ?? 'unknown');
  const incarnation = `${runId} ${replicationId}`;
  const timeMs = Number(facts.get('server_time_usec')) / 1_000;
  return {
    version,
    incarnation,
    sameData: wasReplica ? incarnation : `${runId} `,
    isPrimary: role === 'master',
    isWritableReplica: role !== 'master' && facts.get('slave_read_only') === '0',
    isLoading: facts.get('loading') === '1',
    isCluster: facts.get('cluster_enabled') === '1',
    maxMemory: Number(facts.get('maxmemory') ?? 0),
    evictionPolicy: facts.get('maxmemory_policy') ?? 'noeviction',
    usedMemory: Number(facts.get('used_memory') ?? 0),
    isAppendOnly: facts.get('aof_enabled') === '1',
    ...(timeMs > 0 && { timeMs }),
  };
}
