import { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { knownWriteOptions } from '../catalogue/known-entry-options.js';
import { isPlainCall } from '../catalogue/plain-call.js';
import { listKeys, toKey } from '../key/key.js';
import type { Key, KeyLike } from '../key/key.js';
import type { BulkLoader } from '../load/bulk-loader.js';
import { givenLoader } from '../load/loader.js';
import type { Loader } from '../load/loader.js';
import { CallsUnderWay } from '../value/calls-under-way.js';
import { tellInvalidatedAfter } from '../value/events.js';
import type { Lookup } from '../value/lookup.js';
import { confirms, entryOf, readOptions } from './call-options.js';
import type { CallOptions, EntryToSet, NullingOptions, ReadOptions, WriteOptions } from './call-options.js';
import { withoutShownSecrets } from './cache-configuration.js';
import type { CacheConfiguration, Protections } from './cache-configuration.js';
import { buildRooms } from './cache-rooms.js';
import type { CacheRooms } from './cache-rooms.js';
import { cacheStatus } from './cache-status.js';
import type { CacheStatus } from './cache-status.js';
import { noteClock } from './clock-of.js';
import type { Explanation } from './explanation.js';
import { HitPath } from './hit-path.js';
import type { HeldBy, KeyOf, Keys, LoadedFor, LookupsOf, UntypedKey } from './key-of.js';
import { knownConfiguration } from './known-configuration.js';
import { Policies } from './policies.js';
import type { ChangeFor, Keyed, LoaderFor, LoaderOfSomeFor, OptionsFor, ValueFor } from './value-for.js';

/**
 * A request tier over a process tier over one store that outlives the process. Look-ups read the nearest first and copy what they find
 * into the nearer ones with the life it has left. A store that is down, slow or full is a miss and an event, never an error.
 *
 * An invalidation can't be undone by a load that began before it, on any tier, in any process.
 */
export class TieredCache {
  /** For entries whose call and key class don't say otherwise. */
  readonly defaults: EntryOptions;
  private readonly configuration: CacheConfiguration;
  private readonly policies: Policies;
  private readonly rooms: CacheRooms;
  private readonly hitPath: HitPath;
  private readonly changes = new CallsUnderWay();

  /**
   * The module builds caches; build one yourself outside of Nest, and `open` it.
   * @param protections switched off only by tests that show what each is for.
   * @throws InvalidOptionError, InvalidDurationError naming the option.
   */
  constructor(configuration: CacheConfiguration, protections: Protections = {}) {
    knownConfiguration.check(configuration);
    this.configuration = withoutShownSecrets(configuration);
    noteClock(this, configuration.clock);
    this.defaults = configuration.defaults ?? {};
    this.rooms = buildRooms(this.configuration, protections);
    const { coherence, hidden } = this.rooms;
    this.policies = new Policies(this.defaults, hidden && ((tag) => coherence.nameOfTag(tag)));
    this.hitPath = new HitPath(this.rooms, this.policies);
  }

  get name(): string {
    return this.configuration.name;
  }

  /** The key as the store sees it: namespace, package version and stamp in front. */
  storeKey(key: KeyLike): string {
    return this.rooms.versions.current().storeKey(this.keyOf(key).text);
  }

  /** What the key is called in events, logs and errors: its text, or, where names are hidden, what stands for it. */
  nameOf(key: KeyLike): string {
    return this.keyOf(key).text;
  }

  /** A hit with the value, or a miss with its reason. Never rejects but for an invalid key, and with `confirm`. */
  async lookup<V>(key: KeyOf<V>, options?: ReadOptions): Promise<Lookup<V>> {
    return (await this.getMany<V>([key], options))[0] as Lookup<V>;
  }

  /** The value, or `undefined` on a miss. A cached `null` is `null`. */
  async get<V>(key: KeyOf<V>, options?: ReadOptions): Promise<V | undefined> {
    const found = await this.lookup<V>(key, options);
    return found.hit ? found.value : undefined;
  }

  /**
   * What the request and process tiers hold, at once, without asking any store. Inside of a loader: only what is verified already. Not a use of it: nothing
   * is copied nearer, and no event tells of it.
   */
  peek<V>(key: KeyOf<V>): V | undefined {
    return this.hitPath.peek<V>(key, this.keyOf);
  }

  /** Whether there is an entry, fresh or stale, that `get` would serve. Not a use of it: nothing is copied nearer, and no event tells of it. */
  async has(key: KeyLike): Promise<boolean> {
    const one = this.keyOf(key);
    return this.rooms.lookUps.has(one, this.policies.of(one));
  }

  /** One look-up per key, in their order, duplicates allowed: one round trip per part of the store for all that is not near. */
  getMany<V>(keys: readonly UntypedKey[], options?: ReadOptions): Promise<Lookup<V>[]>;
  getMany<V, const K extends Keys = Keys>(keys: K, options?: ReadOptions): Promise<LookupsOf<K, V>>;
  async getMany<V>(keys: Keys, options?: ReadOptions): Promise<Lookup<V>[]> {
    const { version, confirm } = readOptions(options);
    const own = version === undefined ? undefined : { version };
    const asked = listKeys(keys).map(this.keyOf);
    return this.rooms.lookUps.many<V>(asked, (one) => this.policies.of<V>(one, own), confirm);
  }

  /**
   * The value of the key, loaded if no tier has it. Callers of one process share a load, processes share one through a lease in the store.
   * Every caller gets the stored form of the value, the one who loaded it included; `undefined` where the loader gives that.
   *
   * @throws what the loader throws, the same object to all who wait; LoadTimeoutError, RecursiveLoadError, UnencodableValueError.
   * @example await cache.getOrSet(versionedKey('policy', uuid), () => ledger.policy(uuid), { ttl: '5m' })
   */
  getOrSet<V, K = KeyLike>(key: Keyed<K>, loader: LoaderFor<K, V>, options?: OptionsFor<K, V>): Promise<ValueFor<K, V>>;
  getOrSet<V, K = KeyLike>(
    key: Keyed<K>,
    loader: LoaderOfSomeFor<K, V>,
    options?: OptionsFor<K, V>,
  ): Promise<ValueFor<K, V> | undefined>;
  getOrSet<V>(key: KeyOf<V>, loader: Loader<V>, options?: CallOptions<V>): Promise<V | undefined> {
    try {
      if (options === undefined || isPlainCall(options)) {
        const copy = this.hitPath.servable(key);
        if (copy !== undefined) return copy.promise as Promise<V>;
      }
      const one = this.keyOf(key);
      return this.rooms.singleLoads.get(one, givenLoader(loader), this.policies.of<V>(one, options)) as Promise<V>;
    } catch (invalid) {
      return Promise.reject(invalid);
    }
  }

  /**
   * Loads the value now, whatever the tiers hold, and replaces it everywhere, unless the key was invalidated meanwhile. Joins no load that
   * began earlier. Where several overlap, none may be kept; what stood before goes all the same. Otherwise as `getOrSet`.
   */
  refresh<V, K = KeyLike>(key: Keyed<K>, loader: LoaderFor<K, V>, options?: OptionsFor<K, V>): Promise<ValueFor<K, V>>;
  refresh<V, K = KeyLike>(
    key: Keyed<K>,
    loader: LoaderOfSomeFor<K, V>,
    options?: OptionsFor<K, V>,
  ): Promise<ValueFor<K, V> | undefined>;
  async refresh<V>(key: KeyOf<V>, loader: Loader<V>, options?: CallOptions<V>): Promise<V | undefined> {
    const one = this.keyOf(key);
    const policy = this.policies.of<V>(one, options);
    policy.signal?.throwIfAborted();
    // In a scope of its own it is nobody's older flight; the caller's request is given the outcome, and what that has read counts.
    const call = { key: one, loader: givenLoader(loader), policy, askedIn: this.rooms.scope.current()?.held };
    const { position } = this.rooms.coherence.names;
    const landed = await this.rooms.scope.run(() => this.rooms.flights.join(call, true));
    return this.rooms.hits.taken(call, position, landed) as V;
  }

  /**
   * Values in the order of the keys; the missing ones loaded by one call, and one more for what another process gave up. One that the loader leaves out is
   * `undefined`; with `negative` and no `when`, `null`. The type knows of a `negative` that the call spells out, of none that is annotated, of a class, or a default.
   */
  getOrSetMany<V, K extends KeyLike = KeyLike>(
    keys: readonly K[],
    loadMissing: BulkLoader<LoadedFor<K, V>, K>,
    options: NullingOptions<HeldBy<K, V>>,
  ): Promise<(HeldBy<K, V> | null | undefined)[]>;
  getOrSetMany<V, K extends KeyLike = KeyLike>(
    keys: readonly K[],
    loadMissing: BulkLoader<LoadedFor<K, V>, K>,
    options?: CallOptions<HeldBy<K, V>>,
  ): Promise<(HeldBy<K, V> | undefined)[]>;
  async getOrSetMany<V>(keys: Keys, loadMissing: BulkLoader<V>, options?: CallOptions<V>): Promise<(V | undefined)[]> {
    const asked = listKeys<KeyLike>(keys);
    if (asked.length === 0) this.policies.assertCall(options);
    return this.rooms.bulkLoads.many<V>(asked, asked.map(this.keyOf), loadMissing, this.policies.ofCall(options));
  }

  /**
   * Stores the value in all tiers and tells the other processes. False: the store did not acknowledge, and what it held before is removed as
   * soon as it can be reached; or the value is larger than it takes, and what it held before is gone. The value is that of the call: it may be changed
   * before the promise resolves.
   * @throws UnencodableValueError, InvalidDurationError before anything is written; with `confirm` StoreUnavailableError and ValueTooLargeError.
   */
  async set<V>(key: KeyOf<V>, value: V, options?: CallOptions<V> & WriteOptions): Promise<boolean> {
    const one = this.keyOf(key);
    const write = { key: one, value, policy: this.policies.of<V>(one, options, knownWriteOptions) };
    return this.changes.track(this.rooms.writes.set([write], options?.confirm === true));
  }

  /** As `set`, of each key with its value and its entry options: one round trip per part of the store, and one more before it for tags. False: not all were acknowledged. */
  async setMany<V>(entries: Iterable<EntryToSet<V>>, options?: WriteOptions): Promise<boolean> {
    const confirm = confirms(options);
    const writes = [...entries].map((entry) => {
      const [key, value, own] = entryOf(entry);
      const one = this.keyOf(key);
      return { key: one, value, policy: this.policies.of<V>(one, own) };
    });
    return this.changes.track(this.rooms.writes.set(writes, confirm));
  }

  /** Stores the value unless there is one; returns whichever is there then, the same for every process. @throws StoreUnavailableError, UnencodableValueError */
  async setIfAbsent<V>(key: KeyOf<V>, value: V, options?: CallOptions<V>): Promise<V> {
    const one = this.keyOf(key);
    const policy = this.policies.of<V>(one, options);
    const { copy, from } = await this.changes.track(this.rooms.atomicChanges.setIfAbsent(one, value, policy));
    return this.rooms.hits.given(one, copy, from);
  }

  /**
   * Compare-and-set. `change` may run several times. The life goes on, unless `options` name a `ttl` or what changed in the value changes its end: what is
   * over is removed, as by `set`. Tags go on beside those of `options`, the `version` unless they name one. What the store alone kept stays there.
   * @throws ConflictError after 10 tries; StoreUnavailableError; what a `ttl` throws; the signal's reason; ValueTooLargeError, and what the entry held before is gone.
   */
  update<V, K = KeyLike>(key: Keyed<K>, change: ChangeFor<K, V>, options?: OptionsFor<K, V>): Promise<ValueFor<K, V>>;
  async update<V>(key: KeyLike, change: (current: V | undefined) => V, options?: CallOptions<V>): Promise<V> {
    const one = this.keyOf(key);
    const policy = this.policies.of<V>(one, options);
    const changed = this.rooms.atomicChanges.update(one, change, policy, options?.ttl === undefined);
    const { copy, from } = await this.changes.track(changed);
    return this.rooms.hits.given(one, copy, from);
  }

  /**
   * Removes the key from all tiers of all processes: at once here and in the store, within `coherence.interval` and 250 ms elsewhere (docs/tiers.md). Loads that
   * began earlier are not kept. False: the store did not acknowledge yet; it is sent again until it does.
   */
  async delete(key: KeyLike, options?: WriteOptions): Promise<boolean> {
    return this.changes.track(this.rooms.writes.delete([this.keyOf(key)], confirms(options)));
  }

  /** As `delete`, of all these keys: one round trip per part of the store. A string is one key. False: not all were acknowledged. */
  async deleteMany(keys: KeyLike | Iterable<KeyLike>, options?: WriteOptions): Promise<boolean> {
    return this.changes.track(this.rooms.writes.delete(listKeys(keys).map(this.keyOf), confirms(options)));
  }

  /** As `delete`, for every entry that was loaded or set with one of these tags. */
  async invalidateTags(...tags: string[]): Promise<boolean> {
    return this.changes.track(this.rooms.writes.advanceTags(this.tagsOf(tags), 'invalidate', false));
  }

  /**
   * From now on the entry is stale: near copies go in all processes, and it is served as far as its `staleFor` allows while it is refreshed, but never
   * to a loader. An entry without a stale life is removed. False: the store did not acknowledge yet; the entry is removed as soon as it can be.
   */
  async expire(key: KeyLike, options?: WriteOptions): Promise<boolean> {
    return this.changes.track(this.rooms.expiry.expire(this.keyOf(key), confirms(options)));
  }

  /** As `expire`, for every entry that was loaded or set with one of these tags. */
  async expireTags(...tags: string[]): Promise<boolean> {
    return this.changes.track(this.rooms.writes.advanceTags(this.tagsOf(tags), 'expire', false));
  }

  /**
   * Where the key is, and why it is not where it is not. For people; it moves nothing between tiers. A key of a class is looked at as its look-ups
   * ask, for its codec and its version; of any other key, everything is shown.
   */
  async explain(key: KeyLike): Promise<Explanation> {
    const asked = key instanceof CatalogueKey ? this.policies.servingOf(key) : undefined;
    return this.rooms.explanations.of(this.keyOf(key), this.rooms.versions.current(), asked);
  }

  /** Whether the parts of the store answer now, each within a read's deadline. Never rejects: for health checks and dashboards. */
  status(): Promise<CacheStatus> {
    return cacheStatus(this.name, this.rooms.coherence, this.rooms.clock);
  }

  /**
   * Makes every entry of this cache unreachable, in all processes. The store's own flush is never used: what others keep there stays.
   * @throws StoreUnavailableError when a part of the store can't be reached; the others are cleared.
   */
  async dangerouslyClear(): Promise<void> {
    this.rooms.near.clear();
    await tellInvalidatedAfter(this.name, 'everything', ['*'], () =>
      this.changes.track(this.rooms.coherence.clear()).finally(() => this.rooms.near.clear()),
    );
  }

  /** Opens the store and begins to read its feed. Resolves also when the store can't be reached. */
  async open(): Promise<void> {
    await this.rooms.store?.open();
    this.rooms.coherence.start();
  }

  /** Ends timers and connections, once the writes and invalidations that are under way have an answer. Those that are not acknowledged are sent once more. */
  async close(): Promise<void> {
    await this.changes.ended();
    this.rooms.versions.close();
    await this.rooms.coherence.close();
    await this.rooms.store?.close();
  }

  /** What `JSON.stringify` makes of it: all that it holds would be too much. */
  toJSON(): { readonly name: string } {
    return { name: this.name };
  }

  /** As this cache calls it. */
  private readonly keyOf = (key: KeyLike): Key => this.rooms.hidden?.ofKey(toKey(key)) ?? toKey(key);
  private readonly tagsOf = (tags: readonly string[]): string[] =>
    tags.map((tag) => this.rooms.coherence.nameOfTag(tag));
}
