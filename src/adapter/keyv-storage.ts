import { EventEmitter } from 'node:events';
import { defineKey } from '../catalogue/define-key.js';
import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { untilInvalidated } from '../catalogue/lives/until.js';
import type { Codec } from '../codec/codec.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { digest } from '../key/key-space.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { Duration } from '../value/duration.js';
import { looseJson } from './loose-json.js';
import { PlainInstances } from './plain-instances.js';
import { KnownOptions } from '../value/known-options.js';

export interface KeyvStorageOptions {
  /** The life of entries that Keyv gives none. Default: until they are deleted, as Keyv means it. */
  readonly ttl?: Duration;
  /** The bytes of what Keyv hands over: a text, unless its `serialize` is off. Default: JSON with bytes, dates as strings, instances as plain objects: a `degraded` fault names their classes. */
  readonly codec?: Codec<unknown>;
}

const known = KnownOptions.of<KeyvStorageOptions>('keyvStorage()', { ttl: true, codec: true });

/**
 * The tiers as the storage of a Keyv, and of everything that takes one. Entries of the same namespace are one Keyv's, whichever process
 * opened it; `clear` invalidates the namespace's tag and leaves everything else in the cache alone.
 *
 * Give each Keyv a storage of its own: Keyv writes its namespace on it. There is no `iterator`: memcached can't list what it holds.
 *
 * @example const keyv = new Keyv({ store: keyvStorage(cache), namespace: 'sessions', ttl: 60_000 });
 */
export function keyvStorage(cache: TieredCache, options: KeyvStorageOptions = {}): KeyvStorage {
  known.check(options);
  return new KeyvStorage(cache, options);
}

/** What Keyv calls a `KeyvStoreAdapter`. A store that is away is a miss for reads and `false` for writes of one entry. */
export class KeyvStorage extends EventEmitter {
  /** Keyv reads `opts`, and sets `namespace` to its own. */
  readonly opts: Record<string, unknown> = { dialect: 'tiered-cache', url: '' };
  namespace: string | undefined;
  private readonly codec: Codec<unknown>;
  private kind: { readonly namespace: string; readonly entryOf: EntryOf } | undefined;

  constructor(
    private readonly cache: TieredCache,
    private readonly options: KeyvStorageOptions,
  ) {
    super();
    const plainInstances = new PlainInstances(cache.name);
    this.codec = options.codec ?? looseJson((className) => plainInstances.note(className));
  }

  /** The cache's key of one of Keyv's, for whoever wants to `explain` it or load it. */
  key<V>(key: string): CatalogueKey<V> {
    const namespace = this.namespace ?? '';
    if (this.kind?.namespace !== namespace) this.kind = { namespace, entryOf: entriesOf(namespace, this.codec) };
    return this.kind.entryOf({ namespace, key: String(key) }) as CatalogueKey<V>;
  }

  async get<V>(key: string): Promise<V | undefined> {
    return this.cache.get<V>(this.key(key));
  }

  async getMany<V>(keys: readonly string[]): Promise<(V | undefined)[]> {
    const found = await this.cache.getMany<V>(keys.map((key) => this.key(key)));
    return found.map((one) => (one.hit ? one.value : undefined));
  }

  /**
   * @param ttl milliseconds; undefined, 0 and Infinity: the default of this storage; less than 0: it has ended already.
   * @returns whether the store acknowledged it.
   */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (isOver(value, ttl)) return this.cache.delete(this.key(key));
    return this.cache.set(this.key(key), value, this.life(ttl));
  }

  /** @throws StoreUnavailableError, of which Keyv makes an `error` event and `false` for each entry. */
  async setMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number }[],
  ): Promise<void> {
    const over = entries.filter(({ value, ttl }) => isOver(value, ttl)).map(({ key }) => this.key(key));
    const lasting = entries.filter(({ value, ttl }) => !isOver(value, ttl));
    await Promise.all([
      over.length > 0 && this.cache.deleteMany(over, { confirm: true }),
      this.cache.setMany(
        lasting.map(({ key, value, ttl }) => [this.key(key), value, this.life(ttl)] as const),
        { confirm: true },
      ),
    ]);
  }

  /** Whether there was one and it is gone. False also when the store did not acknowledge: the removal is sent again then. */
  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  /** Whether there was at least one, and all are gone. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    const known = await this.hasMany(keys);
    const acknowledged = await this.cache.deleteMany(keys.map((key) => this.key(key)));
    return acknowledged && known.includes(true);
  }

  async has(key: string): Promise<boolean> {
    return (await this.cache.lookup(this.key(key))).hit;
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.cache.getMany(keys.map((key) => this.key(key)))).map(({ hit }) => hit);
  }

  /** @throws StoreUnavailableError: it is sent again until the store acknowledges; entries near this process are gone. */
  async clear(): Promise<void> {
    if (await this.cache.invalidateTags(tagOf(this.namespace ?? ''))) return;
    throw new StoreUnavailableError(this.cache.name, 'the clearing is not acknowledged yet, and is sent again');
  }

  /** The cache is closed by whoever opened it. */
  async disconnect(): Promise<void> {}

  private life(ttl: number | undefined): Pick<EntryOptions, 'ttl'> {
    if (ttl !== undefined && ttl > 0 && ttl < Infinity) return { ttl };
    return { ttl: this.options.ttl ?? untilInvalidated() };
  }
}

type EntryOf = (given: { readonly namespace: string; readonly key: string }) => CatalogueKey;

/** One class per namespace: its tag is the same for all of its keys. */
function entriesOf(namespace: string, codec: Codec<unknown>): EntryOf {
  return defineKey('keyv:{namespace}:{key}', {
    holds: 'what a Keyv stores',
    codec,
    tags: [tagOf(namespace)],
    staleFor: 0,
    jitter: 0,
    earlyRefresh: 0,
  });
}

function isOver(value: unknown, ttl: number | undefined): boolean {
  return value === undefined || (ttl !== undefined && ttl < 0);
}

function tagOf(namespace: string): string {
  return `keyv ${namespace.length > maxTagCharacters ? digest(namespace) : namespace}`;
}

/** A tag may have 200. */
const maxTagCharacters = 150;
