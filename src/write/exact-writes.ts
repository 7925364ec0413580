import type { Coherence } from '../coherence/coherence.js';
import { removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { StoredItem, WriteOutcome } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { Repetitions } from './repetitions.js';

/** What an item is replaced by. */
export interface Replacement {
  readonly bytes: Uint8Array;
  /** In epoch milliseconds. */
  readonly staleUntil: number;
  readonly idleMs: number | undefined;
}

/** Attempts before a change is given up. */
export const maxTries = 10;
const backOffMs = 5;

/** Compare-and-set of entries, in the store itself: writes that are carried out only on the item that they were made from. */
export class ExactWrites {
  constructor(
    private readonly coherence: Coherence,
    private readonly repetitions: Repetitions,
    private readonly clock: CacheClock,
    private readonly random: () => number,
  ) {}

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
  async write(placed: Placed, item: StoredItem | undefined, by: Replacement, at: number): Promise<WriteOutcome> {
    const lifeMs = storedLifeMs(this.coherence.store, by.idleMs, by.staleUntil, this.clock.now());
    const options = { lifeMs, neverShorter: true, only: item?.revision ?? ('absent' as const) };
    const change = { ...removalOf(placed), write: { bytes: by.bytes, options } };
    const { outcomes } = await this.repetitions.send(placed.shard, [change], at, { from: item });
    return outcomes[0] as WriteOutcome;
  }
}
