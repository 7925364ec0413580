import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from './feed.js';
import type { ItemAsk } from './item-ask.js';
import type { ItemView, ItemWrite, RemoveOutcome, Revision, StoredItem, WriteOptions, WriteOutcome } from './item.js';

export type { ItemView, ItemWrite, RemoveOutcome, Revision, StoredItem, WriteOptions, WriteOutcome } from './item.js';

/**
 * Where bytes live. A store is one or more *shards*, each of which lives and fails as one: a memcached server, the disk folder,
 * this process's memory. A key belongs to one shard for good; a dead shard's keys move nowhere.
 *
 * The contract knows nothing of values, versions or freshness. `storeContract()` of `nestjs-tiered-cache/testing` is its
 * executable form.
 */
export interface Store {
  /** The name of the tier: `memcached`, `disk`, `memory`. Lower-case ASCII. */
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly shards: readonly [Shard, ...Shard[]];
  /** The shard that a key belongs to. A pure function of the key and the configuration, never of who is up. */
  shardOf(storeKey: string): Shard;
  /**
   * Gets ready. Resolves also when servers can't be reached: they join when they appear. Rejects only for what no waiting will
   * mend, such as a missing package. Opening an open store does nothing.
   */
  open(): Promise<void>;
  /**
   * Ends connections, timers and handles. Operations under way and later ones reject with StoreUnavailableError. Idempotent. Caches
   * and locks that are given one store close it when the last of them is closed.
   */
  close(): Promise<void>;
}

/** How far a store reaches, and what it can do. Asking for more than it says is an error at start-up. */
export interface StoreCapabilities {
  /** Who sees what was written: this process, the processes of this host, or all hosts. */
  readonly reach: 'process' | 'host' | 'fleet';
  /** `add`, writing and removing by revision, and `increment` are atomic. Fill leases, locks, `update` and the log need it. */
  readonly atomic: boolean;
  /** Entries outlive the process that wrote them. */
  readonly durable: boolean;
  /** `touch` works: lives that slide with use need it. */
  readonly touch: boolean;
  /** Lives are kept to this many milliseconds: a life of N really ends within (N − resolution, N], one resolution sooner where the clock skips one. memcached: 1000. */
  readonly clockResolutionMs: number;
  /** Keys may come to lie on other servers while the store is open, and what was there is lost then: no place for locks. Default false. */
  readonly movesKeys?: boolean;
  /** Operations settle within a deadline of the store's own, so that nobody else needs to watch the clock. */
  readonly keepsDeadlines: boolean;
  /**
   * How long one answer may take, in milliseconds: an operation of a store that keeps no deadlines ends then. What waits for its turn waits as long for any answer, 250 ms
   * at least, and a lock waits twice as long, 500 ms at least. Default 250.
   */
  readonly deadlineMs?: number;
}

/**
 * One place that lives and fails as one. Keys are store keys: 1 to 250 bytes of printable ASCII without spaces; anything else
 * rejects with InvalidKeyError before it reaches a wire. Every operation rejects with StoreUnavailableError, and with nothing
 * else, when the shard can't be reached or answers nonsense; a write may or may not have arrived then.
 */
export interface Shard {
  /** For people: `memcached 127.0.0.1:11211`, `disk /var/cache/app`. */
  readonly name: string;
  /** Items are signed: bytes that nobody understands were written by nobody who may. Default false. */
  readonly authenticates?: boolean;
  /** Reads in one round trip, in the order of the keys; `undefined` is absent or expired. Duplicates are allowed. */
  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]>;
  /**
   * Where the item lies, for shards that can tell without waiting; absent on all others. `undefined`: nothing, or it can't be told now.
   * The next call may overwrite the view and its bytes. Throws what `readMany` rejects with.
   */
  readNow?(storeKey: string): ItemView | undefined;
  /**
   * As `readMany`, but an absent key is given an empty item, a *stub*, that lives `stubMs`: the one caller who created it gets it
   * with `won: true`, all others find it with `won: false` until it is written, removed or expires. Atomic per key.
   * A store that has no room for a stub tells each that asks `won: true`, with a revision that matches nothing.
   */
  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]>;
  /**
   * As `readOrStub`, for shards that can answer into the questions themselves; absent on all others. False: not now, ask by `readOrStub`.
   * @throws InvalidKeyError before any is sent.
   */
  readInto?(questions: readonly ItemAsk[]): boolean;
  /** Writes one item. See {@link WriteOptions} for the conditions. */
  write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome>;
  /**
   * Writes several items in one round trip, each on its own conditions, with their outcomes in the same order; for shards that gain by it, absent on
   * all others. When it rejects, any of them may have been written.
   */
  writeMany?(writes: readonly ItemWrite[]): Promise<WriteOutcome[]>;
  /** Removes one item, whatever it is; with `revision` only that one. */
  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome>;
  /**
   * Adds `by` (0 or more) to a counter and returns the sum; a counter that is absent is created as `seed` and `seed` is
   * returned. Atomic. Counters are safe integers, and read as decimal digits.
   * @param lifeMs begins anew with each call. Default: until removed or lost.
   */
  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number>;
  /**
   * Draws a number from a counter in one step: the largest of the stored number plus 1, `atLeast`, and the microseconds since 1970 by the store's own
   * clock. It is stored, until `lifeMs` after that clock has come to it, and returned. What is stored and no plausible number counts as absent. For stores that have a clock of
   * their own and can do it atomically; elsewhere numbers are drawn by reading, and writing by revision. @throws StoreUnavailableError
   */
  draw?(storeKey: string, atLeast: number, lifeMs: number): Promise<number>;
  /**
   * Carries out the changes and appends the records to the feed. Resolves when both stand: on shards with transactions as one, elsewhere in an
   * order in which no reader can take a change for unnamed. May have happened in part when it rejects. Shards whose `capabilities.atomic` is true have it.
   * @throws InvalidKeyError before anything is changed; StoreUnavailableError.
   */
  invalidate?(invalidation: Invalidation): Promise<Invalidated>;
  /** What was appended to the feed since the mark, in one round trip where nothing was. @throws StoreUnavailableError */
  readFeed?(question: FeedQuestion): Promise<FeedReading>;
  /**
   * Calls `wake` soon after something was appended to the feed, and whenever wake-ups may have been lost; never during the call. For shards that can
   * push; the feed is read at its interval all the same. Returns how to stop it.
   * @param reader tells this reader of the feed from others in the process, as it does in its questions. Default: all are one.
   */
  watchFeed?(feed: string, wake: () => void, reader?: number): () => void;
  /**
   * Calls `wake` soon after the item was written or removed by its revision, as fills and leases that are given back do, and once soon after it was
   * called; perhaps for other reasons, and perhaps not at all: whoever waits looks at intervals as well. Never during the call. For shards that can push.
   * Returns how to stop it.
   */
  watchItem?(storeKey: string, wake: () => void): () => void;
  /**
   * Gives the item a new life, which ends no sooner, and later by as much as one with `neverShorter` ({@link WriteOptions}). The item keeps its revision unless the new
   * life is shorter than what is left of the old one. False: it was absent. Rejects with StoreUnavailableError where `capabilities.touch` is false.
   */
  touch(storeKey: string, lifeMs: number): Promise<boolean>;
  /** Whether the shard may throw items away before their life ends. Absent: it never does but for its bounds. */
  evicts?(): Promise<boolean>;
  /**
   * Facts for the person on call, of the whole shard: `entries`, `bytes` that are in use and `maxBytes` by these names, and what else it has
   * to say. No keys, no values.
   */
  stats?(): Promise<Readonly<Record<string, string | number>>>;
  /**
   * The store keys that begin with the prefix, in no order: each that stands throughout the listing at least once; of those that are written, removed or
   * expire meanwhile, some. For people and tools: it goes through all that the shard holds. Absent where a store can't tell.
   * @throws StoreUnavailableError
   */
  keys?(prefix: string): AsyncIterable<string>;
}
