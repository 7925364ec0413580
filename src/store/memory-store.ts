import { isSameRevision } from './is-same-revision.js';
import { assertBytes } from '../value/assert-bytes.js';
import { StoreUnavailableError } from '../value/errors.js';
import { wasClosed } from '../value/was-closed.js';
import { KnownOptions } from '../value/known-options.js';
import { lastingCopy } from '../value/lasting-copy.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { keyOfChange } from './feed.js';
import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from './feed.js';
import { MemoryFeed } from './memory-feed.js';
import { MemoryItems } from './memory-items.js';
import type { MemoryItem } from './memory-items.js';
import { noCounter } from './sound-counter.js';
import { assertStoreKey } from './store-key.js';
import type {
  ItemView,
  RemoveOutcome,
  Revision,
  Shard,
  Store,
  StoreCapabilities,
  StoredItem,
  WriteOptions,
  WriteOutcome,
} from './store.js';

export interface MemoryStoreOptions {
  /** Bytes of keys and values, and 64 for each item, before the least recently used go; locks come last. 1 or more, default 64 MiB. */
  readonly maxBytes?: number;
  /** Bytes of the largest value, 1 or more; what is too large for `maxBytes` is refused as well. Default 8 MiB. */
  readonly maxItemBytes?: number;
  readonly clock?: Clock;
}

/**
 * A store in this process's memory: for tests, for development, and where no disk can be written. It outlives requests and modules,
 * not the process, and no other process sees it. Caches that are given the same object share it: it is closed when as many have closed it as
 * opened it, and holds what it held when it is opened again.
 *
 * @throws InvalidOptionError naming the option.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  known.check(options);
  return new MemoryStore(options);
}

const known = KnownOptions.of<MemoryStoreOptions>('memoryStore()', { maxBytes: true, maxItemBytes: true, clock: true });

class MemoryStore implements Store {
  readonly name = 'memory';
  readonly capabilities: StoreCapabilities = {
    reach: 'process',
    atomic: true,
    durable: false,
    touch: true,
    clockResolutionMs: 1,
    keepsDeadlines: true,
  };
  readonly shards: readonly [MemoryShard];
  private users = 0;

  constructor(options: MemoryStoreOptions) {
    this.shards = [new MemoryShard(options)];
  }

  shardOf(): Shard {
    return this.shards[0];
  }

  async open(): Promise<void> {
    this.users++;
    this.shards[0].closed = false;
  }

  async close(): Promise<void> {
    this.users = Math.max(0, this.users - 1);
    this.shards[0].closed = this.users === 0;
  }
}

/** Every operation runs to its end without an `await` in between, which makes it atomic. */
class MemoryShard implements Shard {
  readonly name = 'memory';
  /** What it holds stays, and nothing can be reached. */
  closed = false;
  private readonly items: MemoryItems;
  private readonly maxBytes: number;
  private readonly maxItemBytes: number;
  private readonly clock: Clock;
  private lastRevision = 0;
  private readonly feeds = new Map<string, MemoryFeed>();

  constructor({ maxBytes = 64 * 2 ** 20, maxItemBytes = 8 * 2 ** 20, clock = systemClock }: MemoryStoreOptions) {
    assertBytes('maxBytes', maxBytes);
    assertBytes('maxItemBytes', maxItemBytes);
    this.items = new MemoryItems(maxBytes, clock);
    this.maxBytes = maxBytes;
    this.maxItemBytes = maxItemBytes;
    this.clock = clock;
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return storeKeys.map((key) => this.read(key));
  }

  readNow(storeKey: string): ItemView | undefined {
    const item = this.read(storeKey);
    return item && { bytes: item.bytes, start: 0, end: item.bytes.length, ageMs: item.ageMs };
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { won: boolean })[]> {
    // All before the first: a refused batch leaves no stubs behind.
    for (const key of storeKeys) assertStoreKey(key);
    this.assertOpen();
    return storeKeys.map((key) => {
      const item = this.read(key);
      if (item) return { ...item, won: false };
      return { bytes: nothing, revision: this.put(key, nothing, stubMs), won: true };
    });
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.writeNow(storeKey, bytes, options);
  }

  private writeNow(storeKey: string, bytes: Uint8Array, options: WriteOptions): WriteOutcome {
    const { lifeMs, only, irreplaceable = false } = options;
    const present = this.live(storeKey);
    if (only === 'absent' && present) return { status: 'exists' };
    if (typeof only === 'object' && !isSameRevision(present?.revision, only)) return { status: 'changed' };
    const maxBytes = Math.min(this.maxItemBytes, this.items.roomFor(storeKey));
    if (bytes.length > maxBytes) {
      this.items.delete(storeKey);
      return { status: 'too-large', maxBytes };
    }
    return { status: 'stored', revision: this.put(storeKey, lastingCopy(bytes), lifeMs, irreplaceable) };
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    const present = this.live(storeKey);
    if (!present) return 'absent';
    if (revision && !isSameRevision(present.revision, revision)) return 'changed';
    this.items.delete(storeKey);
    return 'removed';
  }

  async increment(storeKey: string, by: number, seed: number, lifeMs = Infinity): Promise<number> {
    return this.incrementNow(storeKey, by, seed, lifeMs);
  }

  async invalidate({ feed, changes, records, watch }: Invalidation): Promise<Invalidated> {
    for (const change of changes) assertStoreKey(keyOfChange(change));
    this.assertOpen();
    const outcomes: WriteOutcome[] = [];
    for (const change of changes) {
      if ('remove' in change) this.items.delete(change.remove);
      else if ('advance' in change) this.incrementNow(change.advance, change.by, change.seed, Infinity);
      else outcomes.push(this.writeNow(change.write, change.bytes, change.options));
    }
    for (const record of records) this.feedOf(feed).append(record);
    return { outcomes, watched: this.live(watch)?.revision };
  }

  async readFeed({ feed, since, watch, maxBehindBytes }: FeedQuestion): Promise<FeedReading> {
    this.assertOpen();
    return { ...this.feedOf(feed).read(since, maxBehindBytes), watched: this.read(watch) };
  }

  private feedOf(name: string): MemoryFeed {
    let feed = this.feeds.get(name);
    if (!feed) this.feeds.set(name, (feed = new MemoryFeed()));
    return feed;
  }

  private incrementNow(storeKey: string, by: number, seed: number, lifeMs: number): number {
    const present = this.live(storeKey);
    const sum = present ? Number(present.bytes.toString('latin1')) + by : seed;
    if (!Number.isSafeInteger(sum)) throw noCounter(this.name, storeKey);
    this.put(storeKey, lastingCopy(Buffer.from(`${sum}`, 'latin1')), lifeMs);
    return sum;
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    const present = this.live(storeKey);
    if (present) this.items.set(storeKey, { ...present, expiresAt: this.clock.monotonic() + lifeMs });
    return present !== undefined;
  }

  /** `bytes` are those that count against `maxBytes`: keys, values and 64 for each item. What has expired counts until it is asked for. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    this.assertOpen();
    return { entries: this.items.size, bytes: this.items.bytes, maxBytes: this.maxBytes };
  }

  async *keys(prefix: string): AsyncGenerator<string, void, undefined> {
    this.assertOpen();
    for (const key of this.items.keys()) {
      const item = key.startsWith(prefix) ? this.items.peek(key) : undefined;
      if (item && this.clock.monotonic() < item.expiresAt) yield key;
    }
  }

  private assertOpen(): void {
    if (this.closed) throw new StoreUnavailableError(this.name, wasClosed);
  }

  private live(storeKey: string): MemoryItem | undefined {
    assertStoreKey(storeKey);
    this.assertOpen();
    const item = this.items.get(storeKey);
    if (!item || this.clock.monotonic() < item.expiresAt) return item;
    this.items.delete(storeKey);
    return undefined;
  }

  private read(storeKey: string): StoredItem | undefined {
    const item = this.live(storeKey);
    return item && { bytes: item.bytes, revision: item.revision, ageMs: this.clock.monotonic() - item.writtenAt };
  }

  private put(storeKey: string, bytes: Buffer, lifeMs: number, irreplaceable = false): Revision {
    const revision = { session: 0, number: ++this.lastRevision };
    const writtenAt = this.clock.monotonic();
    this.items.set(storeKey, { bytes, revision, writtenAt, expiresAt: writtenAt + lifeMs, irreplaceable });
    return revision;
  }
}

const nothing = Buffer.alloc(0);
