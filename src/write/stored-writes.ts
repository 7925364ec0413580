import type { Coherence } from '../coherence/coherence.js';
import { removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import type { Acknowledged, InvalidatingKey } from '../coherence/shard-invalidations.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { Shard, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';
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

/** What an item is replaced by. */
export interface Replacement {
  readonly bytes: Uint8Array;
  /** In epoch milliseconds. */
  readonly staleUntil: number;
  readonly idleMs: number | undefined;
}

/** So many lists of versions a `set` follows. */
const maxLists = 3;
/** Attempts before a change is given up. */
export const maxTries = 10;
const backOffMs = 5;

/** Sends entries to one shard: as those of the present, or in the place of exactly the item that they were made from. */
export class StoredWrites {
  constructor(
    private readonly coherence: Coherence,
    private readonly repetitions: Repetitions,
    private readonly clock: CacheClock,
    private readonly random: () => number,
  ) {}

  /**
   * 1. A value is sealed under the list of versions that is known; 2. on its way it meets a store that has lost the list, or somebody clears: nothing from
   * before is an entry any more; 3. the store takes it. Nobody would find what was set, so it is sealed and sent once more, but for what was set or
   * deleted since: that was called later.
   * @param ticket see {@link Outbox.ticket}.
   * @param own see {@link Repetitions.send}.
   * @throws StoreUnavailableError
   */
  async send(shard: Shard, group: readonly Prepared[], ticket: number, own: number): Promise<SentWrites> {
    const feed = this.coherence.feedOf(shard);
    const at = (group[0] as Prepared).head.createdAt;
    for (let tries = 1; tries <= maxLists; tries++) {
      await feed.ready();
      const left = tries === 1 ? group : group.filter((one) => !this.isOvertaken(one, ticket));
      if (left.length === 0) return { acknowledged: { outcomes: [], atOnce: true }, prepared: [] };
      const prepared = left.map((one) => (isCurrent(one) ? one : one.anew()));
      const items = prepared.map((one) => this.itemOf(one));
      const acknowledged = await this.repetitions.send(shard, items, at, { own });
      if (prepared.every(isCurrent)) return { acknowledged, prepared };
    }
    throw new StoreUnavailableError(shard.name, 'its list of versions began anew again and again');
  }

  private isOvertaken({ placed }: Prepared, ticket: number): boolean {
    return this.coherence.outbox.isOvertaken((placed as Placed).name, ticket);
  }

  /** As it is stored from now on, or as what is to go. */
  itemOf({ placed, sealed, policy, head }: Prepared): InvalidatingKey {
    if (!sealed) return removalOf(placed as Placed);
    return this.writing(placed as Placed, { bytes: sealed, staleUntil: head.staleUntil, idleMs: policy.idleMs });
  }

  /** Until an attempt has an outcome; `undefined`: others kept writing in between. */
  async tried<R>(attempt: () => Promise<R | undefined>): Promise<R | undefined> {
    for (let tries = 0; tries < maxTries; tries++) {
      const outcome = await attempt();
      if (outcome !== undefined) return outcome;
      await this.clock.sleep(this.random() * backOffMs * 2 ** tries);
    }
    return undefined;
  }

  /** Puts something else in the place of exactly this item, or of none, and tells the other processes. @throws StoreUnavailableError */
  async replace(placed: Placed, item: StoredItem | undefined, by: Replacement, at: number): Promise<WriteOutcome> {
    const change = this.writing(placed, by, { only: item?.revision ?? 'absent' });
    const { outcomes } = await this.repetitions.send(placed.shard, [change], at, { from: item });
    return outcomes[0] as WriteOutcome;
  }

  private writing(placed: Placed, by: Replacement, on: Pick<WriteOptions, 'only'> = {}): InvalidatingKey {
    const lifeMs = storedLifeMs(this.coherence.store, by.idleMs, by.staleUntil, this.clock.now());
    return { ...removalOf(placed), write: { bytes: by.bytes, options: { lifeMs, neverShorter: true, ...on } } };
  }
}
