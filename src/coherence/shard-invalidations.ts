import { isSameRevision } from '../store/is-same-revision.js';
import type { Change, Invalidated } from '../store/feed.js';
import type { Shard, WriteOptions, WriteOutcome } from '../store/store.js';
import { unlessAway } from '../value/unless-away.js';
import { soon } from '../value/turn.js';
import { encodeRecord, partsOf } from './feed-record.js';
import type { OwnRecords } from './own-records.js';
import type { ShardVersions } from './shard-versions.js';

/** A key: its item goes under all versions, or is replaced under the present one. */
export interface InvalidatingKey {
  /** What the feed calls it. */
  readonly name: string;
  readonly text: string;
  readonly storeKey: string;
  readonly write?: { readonly bytes: Uint8Array; readonly options: WriteOptions };
  /** Only told of: what the store holds may be newer than what others know. */
  readonly keeps?: boolean;
  /** Under the present version alone: what others hold came later. */
  readonly sparesOthers?: boolean;
}

/** A tag: its generation advances. */
export interface InvalidatingTag {
  /** As {@link tagName} spells it. */
  readonly name: string;
  readonly advance: { readonly storeKey: string; readonly by: number; readonly seed: () => number };
}

/** What one name stands for, and what is done about it in the store. */
export type Invalidating = InvalidatingKey | InvalidatingTag;

/** What a call comes to once it stands in the store and in the feed. */
export interface Acknowledged {
  /** Of each item that was a write, in their order. */
  readonly outcomes: readonly WriteOutcome[];
  /** All of it went in one trip: nothing lay between its changes and its names, nor between two of them. */
  readonly atOnce: boolean;
}

interface Call {
  readonly items: readonly Invalidating[];
  readonly at: number;
  readonly resolve: (acknowledged: Acknowledged) => void;
  readonly reject: (error: unknown) => void;
}

/** By name, the only store key that a trip or a repetition leaves alone; undefined: it removes the name under all. */
type Spared = Map<string, string | undefined>;

/** Changes of one trip. Far more gain nothing, and keep others waiting. */
export const maxItemsPerTrip = 500;
/** Bytes of the values of one trip, unless one alone has more. A process that lends its disk takes twice as many, names and keys included. */
const maxBytesPerTrip = 32 * 2 ** 20;
/** Trips of one shard that are under way at a time. */
const maxTrips = 4;

/** Sends invalidations to one shard: what is asked in one turn shares a trip, and a long list goes in turns. */
export class ShardInvalidations {
  private readonly waiting: Call[] = [];
  /** What trips and repetitions that are under way do. */
  private readonly underWay = new Set<Spared>();
  private trips = 0;

  constructor(
    private readonly shard: Shard,
    private readonly feed: string,
    private readonly versions: ShardVersions,
    private readonly own: OwnRecords,
  ) {}

  /**
   * Resolves when all of it stands in the store and in the feed.
   * @param at when the caller began, for measuring.
   * @throws StoreUnavailableError: it may have happened in part.
   */
  send(items: readonly Invalidating[], at: number): Promise<Acknowledged> {
    if (items.length > 1 && isTooMuch(items.length, bytesOf(items))) return this.inTurns(items, at);
    return new Promise((resolve, reject) => {
      this.waiting.push({ items, at, resolve, reject });
      // Whoever waits already is on the way: in this turn, or at the end of a trip.
      if (this.waiting.length === 1) this.schedule();
    });
  }

  /**
   * What several trips or shards had a part in is done and told once more after all appends were answered. Between one part's change and another's
   * name somebody could have built on what feeds did not yet name, by a lease that is won by now, and kept it near:
   *
   * 1. A deletes `outer` and `inner`: `outer` is removed, and stands in its feed; 2. B reads that, and loads `outer` from an `inner` that no feed names;
   * 3. `inner` is removed, and stands in its feed; 4. `outer` is removed and told once more: neither the store nor B has what was made at 2.
   *
   * A version that was listed meanwhile is somebody, too: the list is compared once more, also where nothing else is left to do.
   * @param items as many as one trip carries at most.
   * @throws StoreUnavailableError
   */
  async repeat(items: readonly Invalidating[], at: number): Promise<void> {
    if (items.length === 0) return;
    const named = items.filter((item) => this.repeated(item).length > 0);
    await this.during(noteSpared(new Map(), items), () =>
      this.reachAllVersions(items, at, () => this.append(this.allRepeated(items), named, at)),
    );
  }

  /**
   * From now on no entry of the shard is there. A record without a name wakes those who listen: they read the list of versions with it. The others do so at their
   * next reading.
   * @throws StoreUnavailableError
   */
  async clear(at: number): Promise<void> {
    await this.versions.clear();
    if (!this.shard.watchFeed) return;
    const { record, number } = this.record([], at);
    const wake = { feed: this.feed, changes: [], records: [record], watch: this.versions.key };
    if (await unlessAway(() => this.shard.invalidate?.(wake))) this.own.answered(number);
  }

  private async inTurns(items: readonly Invalidating[], at: number): Promise<Acknowledged> {
    const turns: Promise<Acknowledged>[] = [];
    let [first, bytes] = [0, 0];
    for (const [index, item] of items.entries()) {
      const own = bytesOf([item]);
      if (index > first && isTooMuch(index - first + 1, bytes + own)) {
        turns.push(this.send(items.slice(first, index), at));
        [first, bytes] = [index, 0];
      }
      bytes += own;
    }
    turns.push(this.send(items.slice(first), at));
    const done = await Promise.all(turns);
    return { outcomes: done.flatMap(({ outcomes }) => outcomes), atOnce: false };
  }

  private schedule(): void {
    soon(() => {
      while (this.waiting.length > 0 && this.trips < maxTrips) {
        const spared: Spared = new Map();
        const calls = this.nextCalls(spared);
        if (calls.length === 0) return;
        void this.trip(calls, spared);
      }
    });
  }

  /**
   * Whole calls, as many as fit. What is removed in a trip may be removed once more at its end, or when the feed turns out to have moved on: a later call
   * that writes the same key waits until it is answered. Under another stamp also where the earlier one writes it.
   */
  private nextCalls(spared: Spared): Call[] {
    let [items, bytes, count] = [0, 0, 0];
    for (const call of this.waiting) {
      items += call.items.length;
      bytes += bytesOf(call.items);
      if (count > 0 && isTooMuch(items, bytes)) break;
      if ([spared, ...this.underWay].some((one) => isUndoneBy(one, call))) break;
      noteSpared(spared, call.items);
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async trip(calls: readonly Call[], spared: Spared): Promise<void> {
    const items = calls.flatMap((call) => call.items);
    this.trips++;
    await this.during(spared, async () => {
      try {
        const done = await this.acknowledged(items, Math.min(...calls.map(({ at }) => at)));
        const outcomes = [...done.outcomes];
        for (const { items: asked, resolve } of calls) {
          const writes = asked.filter((item) => 'write' in item && item.write !== undefined).length;
          resolve({ outcomes: outcomes.splice(0, writes), atOnce: done.inParts !== true || asked.length === 1 });
        }
      } catch (error) {
        for (const { reject } of calls) reject(error);
      } finally {
        this.trips--;
      }
    });
  }

  /** What would be undone by it waits for its end. */
  private async during(spared: Spared, work: () => Promise<unknown>): Promise<void> {
    this.underWay.add(spared);
    try {
      await work();
    } finally {
      this.underWay.delete(spared);
      if (this.waiting.length > 0) this.schedule();
    }
  }

  private async acknowledged(items: readonly Invalidating[], at: number): Promise<Invalidated> {
    if (!this.shard.invalidate) return { outcomes: await this.withoutFeed(items), watched: undefined };
    const changes = (): Change[] => items.flatMap((item) => this.changes(item));
    return this.reachAllVersions(items, at, () => this.append(changes(), items, at));
  }

  /** Versions that were not known when the changes were made up may have entries and leases under these names: then they are repeated. */
  private async reachAllVersions(
    items: readonly Invalidating[],
    at: number,
    send: () => Promise<Invalidated>,
  ): Promise<Invalidated> {
    let known = this.versions.revision;
    const first = await send();
    let { watched } = first;
    while (!isSameRevision(watched, known) || this.versions.hasStrangers) {
      await this.versions.reread();
      if (this.versions.hasStrangers) await this.versions.voidStrangers();
      known = this.versions.revision;
      ({ watched } = await this.append(this.allRepeated(items), items, at));
      if (isSameRevision(watched, known)) break;
    }
    return first;
  }

  private async append(changes: readonly Change[], items: readonly Invalidating[], at: number): Promise<Invalidated> {
    const records = partsOf(items.map(({ name }) => name)).map((names) => this.record(names, at));
    const answer = await this.shard.invalidate?.({
      feed: this.feed,
      changes,
      records: records.map(({ record }) => record),
      watch: this.versions.key,
    });
    for (const { number } of records) this.own.answered(number);
    return answer as Invalidated;
  }

  private changes(item: Invalidating): Change[] {
    if (!('storeKey' in item) || item.keeps === true) return this.repeated(item);
    const { storeKey, write } = item;
    const own: Change = write ? { write: storeKey, ...write } : { remove: storeKey };
    return [own, ...this.otherRemovals(item)];
  }

  /** What may be done any number of times: a value that was written is not written again, since somebody else may have written since. */
  private repeated(item: Invalidating): Change[] {
    if ('advance' in item) {
      const { storeKey, by, seed } = item.advance;
      return [{ advance: storeKey, by, seed: seed() }];
    }
    const others = this.otherRemovals(item);
    return item.write || item.keeps === true ? others : [{ remove: item.storeKey }, ...others];
  }

  private allRepeated(items: readonly Invalidating[]): Change[] {
    return items.flatMap((item) => this.repeated(item));
  }

  private otherRemovals({ text, storeKey, sparesOthers }: InvalidatingKey): Change[] {
    if (sparesOthers === true) return [];
    return this.versions.otherKeys(text, storeKey).map((other) => ({ remove: other }));
  }

  private record(names: readonly string[], at: number): { record: Buffer; number: number } {
    const number = this.own.begin();
    return { record: encodeRecord({ writer: this.own.writer, number, names, at }), number };
  }

  /** Stores without transactions and without a feed: each change by itself. */
  private async withoutFeed(items: readonly Invalidating[]): Promise<readonly WriteOutcome[]> {
    const changes = items.flatMap((item) => this.changes(item));
    const outcomes = await Promise.all(
      changes.map(async (change) => {
        if ('write' in change) return this.shard.write(change.write, change.bytes, change.options);
        if ('remove' in change) await this.shard.remove(change.remove);
        else await this.shard.increment(change.advance, change.by, change.seed);
        return undefined;
      }),
    );
    return outcomes.filter((outcome) => outcome !== undefined);
  }
}

/** Of the values that are written. */
const bytesOf = (items: readonly Invalidating[]): number =>
  items.reduce((sum, item) => sum + ('write' in item ? (item.write?.bytes.length ?? 0) : 0), 0);

const isTooMuch = (items: number, bytes: number): boolean => items > maxItemsPerTrip || bytes > maxBytesPerTrip;

function noteSpared(spared: Spared, items: readonly Invalidating[]): Spared {
  for (const item of items) {
    if ('storeKey' in item) spared.set(item.name, item.write || item.keeps === true ? item.storeKey : undefined);
  }
  return spared;
}

const isUndoneBy = (spared: Spared, { items }: Call): boolean =>
  items.some((item) => 'write' in item && spared.has(item.name) && spared.get(item.name) !== item.storeKey);
