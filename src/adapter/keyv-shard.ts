import { isSameRevision } from '../store/is-same-revision.js';
import { randomInt } from 'node:crypto';
import { keyOfChange } from '../store/feed.js';
import type { Change, FeedQuestion, FeedReading, Invalidated, Invalidation } from '../store/feed.js';
import { MemoryFeed } from '../store/memory-feed.js';
import { assertStoreKey } from '../store/store-key.js';
import type { RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { wasClosed } from '../value/was-closed.js';

/** As much of a Keyv, or of a storage adapter of one, as is needed. */
export interface KeyvLike {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttl?: number): unknown;
  delete(key: string): Promise<unknown>;
  disconnect?(): unknown;
  on?(event: 'error', listener: (error: unknown) => void): unknown;
  throwOnErrors?: boolean;
  /** The storage adapter below a Keyv. */
  readonly store?: unknown;
  /** What storage adapters for keyv 6 say of themselves. */
  readonly capabilities?: { readonly expires?: boolean };
}

/** Rather than a storage adapter. */
export function isKeyv(keyv: KeyvLike): boolean {
  return 'hooks' in keyv && 'stats' in keyv;
}

/**
 * All of a Keyv. Items are texts: the revision, a dot, the bytes in base64. Operations on one key take turns, which is as atomic as one
 * process can be.
 */
export class KeyvShard implements Shard {
  closed = false;
  /** A Keyv gives its own `ttl` to what is given none, and takes 0 for no end; an adapter may take 0 for a life that is over. */
  private readonly noEnd: 0 | undefined;
  private readonly feeds = new Map<string, MemoryFeed>();
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly keyv: KeyvLike,
    readonly name: string,
    private readonly maxItemBytes: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.noEnd = isKeyv(keyv) ? 0 : undefined;
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.each(storeKeys, (key) => this.read(key));
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const one = async (key: string): Promise<StoredItem & { won: boolean }> => {
      const present = await this.read(key);
      if (present) return { ...present, won: false };
      return { bytes: nothing, revision: await this.put(key, nothing, stubMs), won: true };
    };
    return this.each(storeKeys, one);
  }

  write(storeKey: string, bytes: Uint8Array, { lifeMs, only }: WriteOptions): Promise<WriteOutcome> {
    const own = Buffer.from(bytes); // the caller may reuse its array while this waits for its turn
    return this.inTurn(storeKey, async () => {
      const present = only === undefined ? undefined : await this.read(storeKey);
      if (only === 'absent' && present) return { status: 'exists' };
      if (typeof only === 'object' && !isSameRevision(present?.revision, only)) return { status: 'changed' };
      if (own.length > this.maxItemBytes) {
        await this.take(storeKey);
        return { status: 'too-large', maxBytes: this.maxItemBytes };
      }
      return { status: 'stored', revision: await this.put(storeKey, own, lifeMs) };
    });
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.inTurn(storeKey, async () => {
      const present = await this.read(storeKey);
      if (revision && !present) return 'absent';
      if (revision && !isSameRevision(present?.revision, revision)) return 'changed';
      await this.take(storeKey); // some of what somebody else wrote is read as nothing
      return present ? 'removed' : 'absent';
    });
  }

  increment(storeKey: string, by: number, seed: number, lifeMs = Infinity): Promise<number> {
    return this.inTurn(storeKey, async () => {
      const present = await this.read(storeKey);
      const sum = present ? numberIn(present) + by : seed;
      if (!Number.isSafeInteger(sum)) throw this.unavailable(`${storeKey} holds no counter`);
      await this.put(storeKey, Buffer.from(`${sum}`, 'latin1'), lifeMs);
      return present ? sum : this.settled(storeKey, sum);
    });
  }

  /**
   * Changes, append, changes again: nobody can take a change for unnamed in between. The feed is this process's own, as are all caches that such a
   * Keyv can be right for.
   */
  async invalidate({ feed, changes, records, watch }: Invalidation): Promise<Invalidated> {
    for (const change of changes) assertStoreKey(keyOfChange(change));
    const outcomes: WriteOutcome[] = [];
    for (const change of changes) {
      if ('write' in change) outcomes.push(await this.write(change.write, change.bytes, change.options));
      else await this.repeat(change);
    }
    if (records.length > 0) {
      for (const record of records) this.feedOf(feed).append(record);
      for (const change of changes) if (!('write' in change)) await this.repeat(change);
    }
    const [watched] = await this.readMany([watch]);
    return { outcomes, watched: watched?.revision };
  }

  async readFeed({ feed, since, watch, maxBehindBytes }: FeedQuestion): Promise<FeedReading> {
    const [watched] = await this.readMany([watch]);
    return { ...this.feedOf(feed).read(since, maxBehindBytes), watched };
  }

  private async repeat(change: Exclude<Change, { readonly write: string }>): Promise<void> {
    if ('remove' in change) await this.remove(change.remove);
    else await this.increment(change.advance, change.by, change.seed);
  }

  private feedOf(name: string): MemoryFeed {
    let feed = this.feeds.get(name);
    if (!feed) this.feeds.set(name, (feed = new MemoryFeed()));
    return feed;
  }

  async touch(storeKey: string): Promise<boolean> {
    assertStoreKey(storeKey);
    throw this.unavailable('a Keyv can not prolong lives');
  }

  /**
   * Two processes that create a counter at once: 1. both find none; 2. one writes its seed; 3. the other writes over it. What stands a moment
   * later is the counter for both.
   */
  private async settled(storeKey: string, written: number): Promise<number> {
    await this.clock.sleep(settleMs);
    const standing = await this.read(storeKey);
    const number = standing && numberIn(standing);
    return Number.isSafeInteger(number) ? (number as number) : written;
  }

  /** What somebody else wrote under this key is an item as well: its bytes are not understood, and that is a miss of this key alone. */
  private async read(storeKey: string): Promise<StoredItem | undefined> {
    const text = await this.textOf(storeKey);
    if (text === undefined || text === null) return undefined;
    const [, revision, base64] = (typeof text === 'string' ? itemForm.exec(text) : undefined) ?? [];
    if (revision === undefined) return foreign;
    return { bytes: Buffer.from(base64 ?? '', 'base64'), revision: { session: 0, number: Number(revision) } };
  }

  /**
   * What the Keyv can not deserialize fails each time, although the adapter answers. In an outage the adapter fails as well, and a failure that is over
   * by then, as of one connection, does not come again.
   */
  private async textOf(storeKey: string): Promise<unknown> {
    try {
      return await this.keyv.get(storeKey);
    } catch (cause) {
      const adapter = this.keyv.store as Partial<Pick<KeyvLike, 'get'>> | undefined;
      if (typeof adapter?.get !== 'function') throw cause;
      await adapter.get(storeKey);
      return this.keyv.get(storeKey).catch(() => notDeserialized);
    }
  }

  private async put(storeKey: string, bytes: Buffer, lifeMs: number): Promise<Revision> {
    const number = randomInt(2 ** 48 - 1);
    const text = `${number}.${bytes.toString('base64')}`;
    const ttl = lifeMs === Infinity ? this.noEnd : Math.max(1, Math.ceil(lifeMs));
    const stored = await this.keyv.set(storeKey, text, ttl);
    if (stored === false) throw this.unavailable('the Keyv did not store an item');
    return { session: 0, number };
  }

  /** False means that the adapter swallowed an error, or that another process was faster: then nothing is left. */
  private async take(storeKey: string): Promise<void> {
    if ((await this.keyv.delete(storeKey)) !== false) return;
    if (await this.read(storeKey)) throw this.unavailable('the Keyv did not delete an item');
  }

  /** A bad key refuses them all. */
  private async each<R>(storeKeys: readonly string[], work: (storeKey: string) => Promise<R>): Promise<R[]> {
    storeKeys.forEach(assertStoreKey);
    return Promise.all(storeKeys.map((key) => this.inTurn(key, () => work(key))));
  }

  private async inTurn<R>(storeKey: string, work: () => Promise<R>): Promise<R> {
    assertStoreKey(storeKey);
    const before = this.turns.get(storeKey);
    const turn = (async (): Promise<R> => {
      await before;
      if (this.closed) throw this.unavailable(wasClosed);
      try {
        return await work();
      } catch (cause) {
        throw cause instanceof StoreUnavailableError
          ? cause
          : this.unavailable('the Keyv failed', withoutCommand(cause));
      }
    })();
    const done = turn.then(ignored, ignored);
    this.turns.set(storeKey, done);
    void done.then(() => this.turns.get(storeKey) === done && this.turns.delete(storeKey));
    return turn;
  }

  private unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(this.name, problem, { cause });
  }
}

const settleMs = 30;
const itemForm = /^(\d{1,15})\.([\w+/=]*)$/;
const nothing = Buffer.alloc(0);
const notDeserialized = '?';
/** No envelope, no number, no stub; no write ever makes its revision. */
const foreign: StoredItem = { bytes: Buffer.from('?'), revision: { session: 0, number: -1 } };

/** Clients hang the command that failed on their errors, and the command holds the value. */
function withoutCommand(cause: unknown): Error {
  const { name, message, stack } = cause instanceof Error ? cause : new Error(typeof cause);
  return Object.assign(new Error(message), { name, stack });
}

const numberIn = ({ bytes }: StoredItem): number => Number(bytes.toString('latin1'));

function ignored(): void {}
