import type { Coherence } from '../coherence/coherence.js';
import { removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import type { Acknowledged, InvalidatingKey } from '../coherence/shard-invalidations.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { Shard } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { isCurrent } from './prepared-entries.js';
import type { Prepared } from './prepared-entries.js';
import type { Repetitions } from './repetitions.js';

/** What of a `set` a shard has acknowledged. */
export interface SentWrites {
  readonly acknowledged: Acknowledged;
  readonly prepared: readonly Prepared[];
}

/** So many lists of versions a `set` follows. */
const maxLists = 3;

/** Sends what was prepared to one shard, as entries of the present. */
export class CurrentWrites {
  constructor(
    private readonly coherence: Coherence,
    private readonly repetitions: Repetitions,
    private readonly clock: CacheClock,
  ) {}

  /**
   * 1. A value is sealed under the list of versions that is known; 2. on its way it meets a store that has lost the list, or somebody clears: nothing from
   * before is an entry any more; 3. the store takes it. Nobody would find what was set, so it is sealed and sent once more.
   * @param own see {@link Repetitions.send}.
   * @throws StoreUnavailableError
   */
  async send(shard: Shard, group: readonly Prepared[], own: number): Promise<SentWrites> {
    const feed = this.coherence.feedOf(shard);
    const at = (group[0] as Prepared).head.createdAt;
    for (let tries = 1; tries <= maxLists; tries++) {
      await feed.ready();
      const prepared = group.map((one) => (isCurrent(one) ? one : one.anew()));
      const items = prepared.map((one) => this.itemOf(one));
      const acknowledged = await this.repetitions.send(shard, items, at, { own });
      if (prepared.every(isCurrent)) return { acknowledged, prepared };
    }
    throw new StoreUnavailableError(shard.name, 'its list of versions began anew again and again');
  }

  /** As it is stored from now on, or as what is to go. */
  itemOf({ placed, sealed, policy, head }: Prepared): InvalidatingKey {
    const item = removalOf(placed as Placed);
    if (!sealed) return item;
    const lifeMs = storedLifeMs(this.coherence.store, policy.idleMs, head.staleUntil, this.clock.now());
    return { ...item, write: { bytes: sealed, options: { lifeMs, neverShorter: true } } };
  }
}
