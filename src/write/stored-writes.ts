import type { Coherence } from '../coherence/coherence.js';
import { removalOf } from '../coherence/placed.js';
import type { Placed } from '../coherence/placed.js';
import type { InvalidatingKey } from '../coherence/shard-invalidations.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { unlessAway } from '../value/unless-away.js';
import { isCurrent } from './prepared-entries.js';
import type { Prepared } from './prepared-entries.js';
import type { Repetitions } from './repetitions.js';

/** What of a `set` a shard has acknowledged. */
export interface SentWrites {
  /** See `Acknowledged`. */
  readonly atOnce: boolean;
  readonly writes: readonly SentWrite[];
}

export interface SentWrite {
  readonly prepared: Prepared;
  /** Absent where the store is not to hold it. */
  readonly outcome: WriteOutcome | undefined;
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
   * before is an entry any more; 3. the store takes it. Nobody would find what was set, so it is sealed and sent once more, in the place of nothing but itself:
   * what has replaced or removed it came later. Where the store can't be reached for that, it stays cleared.
   *
   * What this process has cleared itself, after the call, is to go. Where the clear is acknowledged, it is gone: what is there by now was set later.
   * @param ticket see {@link Outbox.ticket}.
   * @param own see {@link Repetitions.send}.
   * @throws StoreUnavailableError
   */
  async send(shard: Shard, group: readonly Prepared[], ticket: number, own: number): Promise<SentWrites> {
    const at = (group[0] as Prepared).head.createdAt;
    await this.coherence.feedOf(shard).ready();
    if (this.coherence.hasAcknowledgedClearSince(ticket)) return { atOnce: true, writes: group.map(unsent) };
    const isCleared = (): boolean => this.coherence.hasClearedSince(ticket);
    const prepared = group.map((one) =>
      isCleared() ? { ...one, sealed: undefined } : isCurrent(one) ? one : one.anew(),
    );
    const items = prepared.map((one) => this.itemOf(one));
    const { outcomes, atOnce } = await this.repetitions.send(shard, items, at, { own });
    const next = outcomes[Symbol.iterator]();
    let writes = prepared.map((one): SentWrite => ({ prepared: one, outcome: one.sealed && next.next().value }));
    for (let lists = 1; lists < maxLists && writes.some(isLost) && !isCleared(); lists++) {
      const known = writes;
      writes = (await unlessAway(() => this.sendLost(shard, known, at, own, isCleared))) ?? known;
    }
    return { atOnce, writes };
  }

  /** What has ended meanwhile is left as it is. */
  private async sendLost(
    shard: Shard,
    writes: readonly SentWrite[],
    at: number,
    own: number,
    isCleared: () => boolean,
  ): Promise<SentWrite[]> {
    await this.coherence.feedOf(shard).ready();
    // The wait may be longer than a clear of this process, which has voided what was stored.
    if (isCleared()) return [...writes];
    const again = new Map<SentWrite, Prepared>();
    const items: InvalidatingKey[] = [];
    for (const write of writes.filter(isLost)) {
      const prepared = write.prepared.anew();
      if (!prepared.sealed) continue;
      again.set(write, prepared);
      // What other versions held was removed as the item was stored.
      items.push({ ...this.itemOf(prepared, { only: write.outcome.revision }), sparesOthers: true });
    }
    if (items.length === 0) return [...writes];
    const { outcomes } = await this.repetitions.send(shard, items, at, { own });
    const next = outcomes[Symbol.iterator]();
    return writes.map((write) => {
      const prepared = again.get(write);
      return prepared ? { prepared, outcome: next.next().value } : write;
    });
  }

  /** As it is stored from now on, or as what is to go. */
  itemOf({ placed, sealed, policy, head }: Prepared, on: Pick<WriteOptions, 'only'> = {}): InvalidatingKey {
    if (!sealed) return removalOf(placed as Placed);
    return this.writing(placed as Placed, { bytes: sealed, staleUntil: head.staleUntil, idleMs: policy.idleMs }, on);
  }

  /** Until an attempt has an outcome; `undefined`: others kept writing in between. */
  async tried<R>(attempt: () => Promise<R | undefined>): Promise<R | undefined> {
    for (let tries = 0; tries < maxTries; tries++) {
      if (tries > 0) await this.clock.sleep(this.random() * backOffMs * 2 ** (tries - 1));
      const outcome = await attempt();
      if (outcome !== undefined) return outcome;
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

const unsent = (prepared: Prepared): SentWrite => ({ prepared, outcome: undefined });

/** It was stored as nothing that anybody takes for an entry of now. */
function isLost(
  write: SentWrite,
): write is SentWrite & { readonly outcome: { readonly status: 'stored'; readonly revision: Revision } } {
  return write.outcome?.status === 'stored' && !isCurrent(write.prepared);
}
