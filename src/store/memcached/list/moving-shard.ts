import { StoreUnavailableError } from '../../../value/errors.js';
import { messageOf } from '../../../value/message-of.js';
import type { Change, FeedQuestion, FeedReading, Invalidated, Invalidation } from '../../feed.js';
import { keyOfChange } from '../../feed.js';
import { assertStoreKey } from '../../store-key.js';
import type { ItemWrite, RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../../store.js';
import { keyUnder } from './part-key.js';
import type { Seat } from './seat.js';

/** Sessions of one connection are far fewer. */
const sessionsPerTerm = 2 ** 32;

/**
 * One part of a store whose list of servers changes: on one server, until the list is another. To whoever uses it a change looks like a server that
 * restarted empty.
 *
 * Each answer counts only if the server stood at this process's list after it: 1. P asks for k. 2. The list is closed, and another opened. 3. Q removes k
 * on the other list's server. 4. P's question is carried out, and finds k. The mark that P asks for behind it says so.
 */
export class MovingShard implements Shard {
  constructor(
    readonly name: string,
    private readonly part: number,
    /** Where the part is now. Rejects with an Error that says why it is nowhere. */
    private readonly seat: () => Promise<Seat>,
    /** Whether the part lists what all parts of its server hold. */
    private readonly listsFor: (seat: Seat) => boolean,
  ) {}

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.inOneTrip(storeKeys, async (seat, key) => {
      const items = await seat.shard.readMany(storeKeys.map(key));
      return items.map((item) => item && this.outward(seat, item));
    });
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    return this.inOneTrip(storeKeys, async (seat, key) => {
      const items = await seat.shard.readOrStub(storeKeys.map(key), stubMs);
      return items.map((item) => this.outward(seat, item));
    });
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    const [outcome] = await this.writeMany([{ storeKey, bytes, options }]);
    return outcome as WriteOutcome;
  }

  writeMany(writes: readonly ItemWrite[]): Promise<WriteOutcome[]> {
    const keys = writes.map(({ storeKey }) => storeKey);
    return this.inOneTrip(keys, async (seat, key) => {
      const inward = writes.map(({ storeKey, bytes, options }) => ({
        storeKey: key(storeKey),
        bytes,
        options: this.inwardOptions(seat, options),
      }));
      return (await seat.shard.writeMany(inward)).map((outcome) => this.outwardOutcome(seat, outcome));
    });
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.inOneTrip([storeKey], (seat, key) =>
      seat.shard.remove(key(storeKey), revision && this.inward(seat, revision)),
    );
  }

  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    return this.inOneTrip([storeKey], (seat, key) => seat.shard.increment(key(storeKey), by, seed, lifeMs));
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.confirmed([storeKey], (seat, key) => seat.shard.touch(key(storeKey), lifeMs));
  }

  invalidate({ feed, changes, records, watch }: Invalidation): Promise<Invalidated> {
    return this.confirmed([feed, watch, ...changes.map(keyOfChange)], async (seat, key) => {
      const inward = changes.map((change): Change => {
        if ('remove' in change) return { remove: key(change.remove) };
        if ('advance' in change) return { ...change, advance: key(change.advance) };
        return { ...change, write: key(change.write), options: this.inwardOptions(seat, change.options) };
      });
      const asked = { feed: key(feed), changes: inward, records, watch: key(watch) };
      const { outcomes, watched, ...rest } = await seat.shard.invalidate(asked);
      return {
        ...rest,
        outcomes: outcomes.map((outcome) => this.outwardOutcome(seat, outcome)),
        watched: watched && this.outwardRevision(seat, watched),
      };
    });
  }

  readFeed(question: FeedQuestion): Promise<FeedReading> {
    return this.confirmed([question.feed, question.watch], async (seat, key) => {
      const asked = { ...question, feed: key(question.feed), watch: key(question.watch) };
      const { watched, ...reading } = await seat.shard.readFeed(asked);
      return { ...reading, watched: watched && this.outward(seat, watched) };
    });
  }

  evicts(): Promise<boolean> {
    return this.confirmed([], async ({ shard }) => (await shard.evicts?.()) ?? true);
  }

  /** Of the server that the part is on, whose items are counted once, by one of its parts. */
  stats(): Promise<Readonly<Record<string, string | number>>> {
    return this.confirmed([], async (seat) => {
      const { list, server } = seat.options;
      const counted = this.listsFor(seat) ? await seat.shard.stats?.() : { entries: 0, bytes: 0, maxBytes: 0 };
      return {
        ...counted,
        server,
        list: list.number,
        ...(list.version !== undefined && { listVersion: list.version }),
      };
    });
  }

  /** One part of each server lists what is there of all of them. @throws StoreUnavailableError */
  async *keys(prefix: string): AsyncGenerator<string, void, undefined> {
    const seat = await this.seated();
    if (!this.listsFor(seat)) return;
    const { id } = seat.options.list;
    for await (const key of seat.shard.keys?.(`${id}.`) ?? []) {
      const own = key.slice(`${id}.00.`.length);
      if (own.startsWith(prefix)) yield own;
    }
    if (!(await seat.stands())) throw this.moved();
  }

  /** As `confirmed`; the mark is asked for in the same write, behind the operation's only command. */
  private inOneTrip<R>(
    storeKeys: readonly string[],
    run: (seat: Seat, key: (storeKey: string) => string) => Promise<R>,
  ): Promise<R> {
    return this.confirmed(storeKeys, run, ({ options }) => options.isConnected());
  }

  /** @param inOneWrite whether what is asked for the mark now arrives behind all of the operation. */
  private async confirmed<R>(
    storeKeys: readonly string[],
    run: (seat: Seat, key: (storeKey: string) => string) => Promise<R>,
    inOneWrite: (seat: Seat) => boolean = () => false,
  ): Promise<R> {
    for (const key of storeKeys) assertStoreKey(key);
    const seat = await this.seated();
    const asksAtOnce = inOneWrite(seat);
    const running = run(seat, this.keyOn(seat));
    const standing = asksAtOnce ? seat.stands() : undefined;
    standing?.catch(ignore);
    const result = await running;
    if (!(await (standing ?? seat.stands()))) throw this.moved();
    if ((await this.seated()) !== seat) throw this.moved();
    return result;
  }

  private keyOn({ options: { list } }: Seat): (storeKey: string) => string {
    const head = `${list.id}.${this.part.toString(36).padStart(2, '0')}.`;
    return (storeKey) => keyUnder(head, storeKey);
  }

  private async seated(): Promise<Seat> {
    try {
      return await this.seat();
    } catch (cause) {
      throw new StoreUnavailableError(this.name, messageOf(cause), { cause });
    }
  }

  private moved(): StoreUnavailableError {
    return new StoreUnavailableError(this.name, 'its list of servers was changed meanwhile');
  }

  private inward({ options: { term } }: Seat, { session, number }: Revision): Revision {
    const own = session - term * sessionsPerTerm;
    return { session: own >= 0 && own < sessionsPerTerm ? own : -1, number };
  }

  private inwardOptions(seat: Seat, options: WriteOptions): WriteOptions {
    const { only } = options;
    return only === undefined || only === 'absent' ? options : { ...options, only: this.inward(seat, only) };
  }

  private outwardRevision({ options: { term } }: Seat, { session, number }: Revision): Revision {
    return { session: term * sessionsPerTerm + session, number };
  }

  private outward<I extends StoredItem>(seat: Seat, item: I): I {
    return { ...item, revision: this.outwardRevision(seat, item.revision) };
  }

  private outwardOutcome(seat: Seat, outcome: WriteOutcome): WriteOutcome {
    if (outcome.status !== 'stored') return outcome;
    return { status: 'stored', revision: this.outwardRevision(seat, outcome.revision) };
  }
}

function ignore(): void {}
