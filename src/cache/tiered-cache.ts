import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { isPlainId, toKey } from '../key/key.js';
import type { Key, KeyLike } from '../key/key.js';
import { channels, processHitsAreWatched } from '../value/events.js';
import type { Lookup } from '../value/lookup.js';
import type { Loader } from './loader.js';
import { AtomicChanges } from './atomic-changes.js';
import type { BulkLoader } from './bulk-loader.js';
import { BulkLoads } from './bulk-loads.js';
import type { CacheParts } from './cache-parts.js';
import { buildCacheParts } from './build-cache-parts.js';
import type { CacheConfiguration, Protections } from './build-cache-parts.js';
import { cacheStatus } from './cache-status.js';
import type { CacheStatus } from './cache-status.js';
import { isPlain, Policies } from './policies.js';
import { explainKey } from './explanation.js';
import type { Explanation } from './explanation.js';
import { Flights } from './flights.js';
import type { Landed } from './flight.js';
import type { NearCopy } from '../tier/near-copy.js';
import type { ScopeState } from '../tier/request-scope.js';
import { Keeper } from './keeper.js';
import { LeasedReads } from './leased-reads.js';
import { LoaderRunner } from './loader.js';
import { LookUps } from './look-ups.js';
import { NearTiers } from './near-tiers.js';
import { ReadThrough } from './read-through.js';
import { StoredEntries } from './stored-entries.js';
import { Writes } from './writes.js';

/** Options of writes. */
export interface WriteOptions {
  /** Rejects with StoreUnavailableError or ValueTooLargeError instead of resolving to `false`. What was not acknowledged is sent again all the same. */
  readonly confirm?: boolean;
}

/** A key that says what it holds types the value; any other key leaves it to the caller. */
export type KeyOf<V> = CatalogueKey<V> | KeyLike;

/**
 * A request tier over a process tier over one store that outlives the process. Look-ups read the nearest first and copy what they find
 * into the nearer ones with the life it has left. A store that is down, slow or full is a miss and an event, never an error.
 *
 * An invalidation can't be undone by a load that began before it, on any tier, in any process.
 */
export class TieredCache {
  /** For entries whose call and key class don't say otherwise. */
  readonly defaults: EntryOptions;
  private readonly parts: CacheParts;
  private readonly policies: Policies;
  private readonly near: NearTiers;
  private readonly lookUps: LookUps;
  private readonly writes: Writes;
  private readonly flights: Flights;
  private readonly bulkLoads: BulkLoads;
  private readonly atomicChanges: AtomicChanges;
  private readonly stop: () => Promise<void>;

  /**
   * The module builds caches; build one yourself outside of Nest, and `open` it.
   * @param protections switched off only by tests that show what each is for.
   */
  constructor(configuration: CacheConfiguration, protections: Protections = {}) {
    const { parts, stop } = buildCacheParts(configuration, protections, {
      named: (names) => this.near.applyNames(names),
      missed: (log, reason) => this.near.applyGap(log, reason),
      versionChanged: () => this.near.clear(),
    });
    this.parts = parts;
    this.stop = stop;
    this.defaults = configuration.defaults ?? {};
    this.policies = new Policies(this.defaults);
    this.near = new NearTiers(parts);
    const entries = new StoredEntries(parts);
    const keeper = new Keeper(parts, this.near, entries);
    const runner = new LoaderRunner(parts, keeper);
    const reader = new ReadThrough(parts, this.near, entries, keeper, runner);
    this.lookUps = new LookUps(parts, this.near, entries);
    this.writes = new Writes(parts, this.near, entries);
    this.flights = new Flights(parts, reader);
    const reads = new LeasedReads(parts, this.near, entries, this.lookUps);
    this.bulkLoads = new BulkLoads(parts, this.near, reads, this.lookUps, keeper, runner, reader, this.flights);
    this.atomicChanges = new AtomicChanges(parts, this.near, entries, this.writes);
  }

  get name(): string {
    return this.parts.name;
  }

  /** The key as the store sees it: namespace, package version and stamp in front. */
  storeKey(key: KeyLike): string {
    return this.parts.keySpace().storeKey(toKey(key).text);
  }

  /** A hit with the value, or a miss with its reason. Never rejects but for an invalid key. */
  async lookup<V>(key: KeyOf<V>): Promise<Lookup<V>> {
    const [found] = await this.lookUps.many<V>([toKey(key)], (one) => this.policies.of<V>(one));
    return found as Lookup<V>;
  }

  /** The value, or `undefined` on a miss. A cached `null` is `null`. */
  async get<V>(key: KeyOf<V>): Promise<V | undefined> {
    const found = await this.lookup<V>(key);
    return found.hit ? found.value : undefined;
  }

  /** What the request and process tiers hold, at once, without asking any store. */
  peek<V>(key: KeyOf<V>): V | undefined {
    const copy = this.servable(key);
    return (copy === undefined ? this.near.peek(toKey(key).id) : copy.read()) as V | undefined;
  }

  /** One look-up per key, in their order, duplicates allowed: one round trip per part of the store for all that is not near. */
  async getMany<V>(keys: readonly KeyOf<V>[]): Promise<Lookup<V>[]> {
    return this.lookUps.many<V>(keys.map(toKey), (one) => this.policies.of<V>(one));
  }

  /**
   * The value of the key, loaded if no tier has it. Callers of one process share a load, processes share one through a lease in the store.
   * Every caller gets the stored form of the value, the one who loaded it included.
   *
   * @throws what the loader throws, the same object to all who wait; LoadTimeoutError, RecursiveLoadError, UnencodableValueError.
   * @example await cache.getOrSet(versionedKey('policy', uuid), () => ledger.policy(uuid), { ttl: '5m' })
   */
  getOrSet<V>(key: KeyOf<V>, loader: Loader<V>, options?: EntryOptions<V>): Promise<V> {
    if (options === undefined || isPlain(options)) {
      const copy = this.servable(key);
      if (copy !== undefined) return copy.promise as Promise<V>;
    }
    return this.getOrLoad(key, loader, options) as Promise<V>;
  }

  /**
   * Loads the value now, whatever the tiers hold, and replaces it everywhere, unless the key was invalidated meanwhile. Joins no load that
   * began earlier. Otherwise as `getOrSet`.
   */
  async refresh<V>(key: KeyOf<V>, loader: Loader<V>, options?: EntryOptions<V>): Promise<V> {
    const one = toKey(key);
    const policy = this.policies.of<V>(one, options);
    // In a scope of its own it is nobody's older flight; the caller's request is given the outcome.
    const { position } = this.parts.fence;
    const landed = await this.parts.scope.run(() => this.flights.join(one, loader, policy, true));
    return this.taken(one, position, landed) as V;
  }

  /** Values in the order of the keys; the missing ones loaded by one call, and one more for what another process gave up. */
  async getOrSetMany<V, K extends KeyOf<V> = KeyOf<V>>(
    keys: readonly K[],
    loadMissing: BulkLoader<V, K>,
    options?: EntryOptions<V>,
  ): Promise<(V | undefined)[]> {
    return this.bulkLoads.many<V>(keys, loadMissing as BulkLoader<V>, this.policies.ofCall(options));
  }

  /**
   * Stores the value in all tiers and tells the other processes. False: the store did not acknowledge, and what it held before is removed as
   * soon as it can be reached; or the value is larger than it takes, and what it held before is gone.
   * @throws UnencodableValueError, InvalidDurationError before anything is written; with `confirm` StoreUnavailableError and ValueTooLargeError.
   */
  async set<V>(key: KeyOf<V>, value: V, options?: EntryOptions<V> & WriteOptions): Promise<boolean> {
    const one = toKey(key);
    return this.writes.set([{ key: one, value, policy: this.policies.of<V>(one, options) }], options?.confirm === true);
  }

  async setMany<V>(
    entries: Iterable<readonly [KeyOf<V>, V, EntryOptions<V>?]>,
    options?: WriteOptions,
  ): Promise<boolean> {
    const writes = [...entries].map(([key, value, own]) => {
      const one = toKey(key);
      return { key: one, value, policy: this.policies.of<V>(one, own) };
    });
    return this.writes.set(writes, options?.confirm === true);
  }

  /** Stores the value unless there is one; returns whichever is there then, the same for every process. @throws StoreUnavailableError */
  async setIfAbsent<V>(key: KeyOf<V>, value: V, options?: EntryOptions<V>): Promise<V> {
    const one = toKey(key);
    return this.atomicChanges.setIfAbsent(one, value, this.policies.of<V>(one, options));
  }

  /** Compare-and-set. `change` may run several times. @throws ConflictError after 10 tries; StoreUnavailableError. */
  async update<V>(key: KeyOf<V>, change: (current: V | undefined) => V, options?: EntryOptions<V>): Promise<V> {
    const one = toKey(key);
    return this.atomicChanges.update(one, change, this.policies.of<V>(one, options));
  }

  /**
   * Removes the key from all tiers of all processes: at once here and in the store, within `coherence.interval` elsewhere. Loads that began
   * earlier are not kept. False: the store did not acknowledge yet; it is sent again until it does.
   */
  async delete(key: KeyLike, options?: WriteOptions): Promise<boolean> {
    return this.writes.delete([toKey(key)], options?.confirm === true);
  }

  async deleteMany(keys: Iterable<KeyLike>, options?: WriteOptions): Promise<boolean> {
    return this.writes.delete([...keys].map(toKey), options?.confirm === true);
  }

  /** As `delete`, for every entry that was loaded or set with one of these tags. */
  async invalidateTags(...tags: string[]): Promise<boolean> {
    return this.writes.invalidateTags(tags, false);
  }

  /** Where the key is, and why it is not where it is not. For people; it moves nothing between tiers. */
  async explain(key: KeyLike): Promise<Explanation> {
    return explainKey(this.parts, this.near, toKey(key));
  }

  /** Whether the parts of the store answer now, each within a read's deadline. Never rejects: for health checks and dashboards. */
  status(): Promise<CacheStatus> {
    return cacheStatus(this.parts);
  }

  /**
   * Makes every entry of this cache unreachable, in all processes. The store's own flush is never used: what others keep there stays.
   * @throws StoreUnavailableError when a part of the store can't be reached; the others are cleared.
   */
  async dangerouslyClear(): Promise<void> {
    this.near.clear();
    const cleared = await Promise.allSettled(
      (this.parts.store?.shards ?? []).map((shard) => this.parts.logOf(shard).clear()),
    );
    this.near.clear();
    const failed = cleared.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Opens the store and begins to read its log. Resolves also when the store can't be reached. */
  async open(): Promise<void> {
    await this.parts.store?.open();
    for (const shard of this.parts.store?.shards ?? []) this.parts.logOf(shard).start();
  }

  /** Ends timers and connections. Unacknowledged invalidations are sent once more. */
  async close(): Promise<void> {
    await this.stop();
  }

  /**
   * The near copy that answers without a second look, if there is one. Nearly all calls end here: no promise, object or closure is made
   * on the way, and a coarse clock is read once.
   */
  private servable(key: KeyLike): NearCopy | undefined {
    const plain = typeof key === 'string';
    if (plain && !isPlainId(key)) return undefined;
    const id = plain ? key : key.id;
    const scope = this.parts.scope.current();
    if (scope !== undefined) return this.servableInScope(scope, key, id);
    const copy = this.parts.process?.get(id);
    if (copy?.promise === undefined || !this.stands(copy)) return undefined;
    if (processHitsAreWatched()) this.lookUps.hit(toKey(key), copy, 'process');
    return copy;
  }

  private servableInScope(scope: ScopeState, key: KeyLike, id: string): NearCopy | undefined {
    const held = this.near.ofRequest(scope);
    const ofRequest = held.get(id);
    if (ofRequest?.promise !== undefined && this.parts.coarseClock.now() < ofRequest.freshUntil) {
      if (channels.hit.hasSubscribers) this.lookUps.hit(toKey(key), ofRequest, 'request');
      return ofRequest;
    }
    const copy = scope.forced ? undefined : this.parts.process?.get(id);
    if (copy?.promise === undefined || !this.stands(copy)) return undefined;
    held.set(id, copy);
    if (processHitsAreWatched()) this.lookUps.hit(toKey(key), copy, 'process');
    return copy;
  }

  private stands(copy: NearCopy): boolean {
    const now = this.parts.coarseClock.now();
    return now < copy.servedUntil && now < copy.trust.until;
  }

  private async getOrLoad<V>(key: KeyOf<V>, loader: Loader<V>, options?: EntryOptions<V>): Promise<V | undefined> {
    const one = toKey(key);
    const policy = this.policies.of<V>(one, options);
    policy.signal?.throwIfAborted();
    const { position } = this.parts.fence;
    const near =
      this.near.find<V>(one.id, policy) ??
      (this.near.isDoubtful(one.id) ? await this.near.recall<V>(one, policy) : undefined);
    if (near) {
      const { value } = this.lookUps.hit(one, near.copy, near.tier);
      if (near.tier === 'request' || this.parts.clock.now() < near.copy.servedUntil) return value;
      return this.taken(one, position, await this.flights.serveStale(one, near.copy, loader, policy));
    }
    const forced = this.parts.scope.current()?.forced ?? false;
    const landed = await this.flights.find(one, loader, policy, forced);
    if (!landed.refreshDue || !landed.copy) return this.taken(one, position, landed);
    return this.taken(one, position, await this.flights.serveStale(one, landed.copy, loader, policy));
  }

  /** @param position the fence's position when the caller asked. */
  private taken<V>(key: Key, position: number, landed: Landed<V>): V | undefined {
    this.near.keepLoadedForRequest(key, landed, position);
    return landed.copy?.read();
  }
}
