import type { Shard } from '../store/store.js';
import { reportFault } from '../value/events.js';

/** Says once per shard, at its first use, that a server that evicts can lose a lock that is held. */
export class EvictionWarning {
  private readonly asked = new Set<Shard>();

  /** Asks in the background; while the shard is away, again at the next use. */
  check(shard: Shard): void {
    if (!shard.evicts || this.asked.has(shard)) return;
    this.asked.add(shard);
    const report = (evicts: boolean): void => {
      const message =
        'Locks live on a server that may evict them under memory pressure. Give them one as lock.store that does not: memcached started with -M, Redis with maxmemory-policy noeviction.';
      if (evicts) reportFault({ source: shard.name, kind: 'evicts-locks', message });
    };
    shard.evicts().then(report, () => void this.asked.delete(shard));
  }
}
