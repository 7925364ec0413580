import type { EventEmitter } from 'node:events';
import type { Cache } from 'cache-manager';
import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import type { EntryOptions } from '../catalogue/entry-options.js';
import type { Life } from '../catalogue/life.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { givenLoader } from '../load/loader.js';
import type { Loader } from '../load/loader.js';
import type { Clock } from '../value/clock.js';
import type { KeyvStorage } from './keyv-storage.js';

/** An entry as Keyv writes it, and when a refresh is due. Epoch milliseconds. */
interface WrappedEntry<T> {
  readonly value: T;
  /** Undefined: it has no end. */
  readonly expires?: number;
  /** From then on whoever asks has it loaded anew, while it is still served. */
  readonly refreshAt?: number;
}

interface WrapDefaults {
  /** 0: no end. */
  readonly ttlMs: number;
  /** 0: no refresh. */
  readonly thresholdMs: number;
  readonly clock: Clock;
}

type OfValue<T> = number | ((value: T) => number) | undefined;

interface WrapRequest<T> {
  readonly key: string;
  readonly load: () => T | Promise<T>;
  readonly ttl: OfValue<T>;
  readonly refreshThreshold: OfValue<T>;
  readonly raw: boolean;
}

/**
 * cache-manager's `wrap` by the cache's fills. A threshold is the stale part of a life: an entry of 60 s with a threshold of 10 s is fresh for
 * 50 s and stale for 10, in which it is served while one process of the fleet loads it anew.
 *
 * That part has to be known when the entry is written. Where it is not (the entry was written by `set`, or by a call with a smaller
 * threshold, or one of the two numbers is a function of the value), each process that finds it due refreshes it once.
 */
export class CacheManagerWrap {
  private readonly refreshing = new Set<string>();

  constructor(
    private readonly tiers: TieredCache,
    private readonly storage: KeyvStorage,
    private readonly events: EventEmitter,
    private readonly defaults: WrapDefaults,
  ) {}

  readonly wrap = (async (key: string, load: () => unknown, given?: unknown, refreshThreshold?: OfValue<unknown>) => {
    const options = typeof given === 'object' && given !== null ? given : { ttl: given, refreshThreshold };
    const request = { raw: false, ...options, key, load: givenLoader(load) } as WrapRequest<unknown>;
    const entry = await this.entryOf(request);
    return 'raw' in options && options.raw === true ? entry : entry.value;
  }) as Cache['wrap'];

  private async entryOf<T>(request: WrapRequest<T>): Promise<{ value: T | undefined; expires?: number }> {
    const at = this.storage.key<WrappedEntry<T>>(request.key);
    const windowMs = this.windowOf(request);
    const options: EntryOptions<WrappedEntry<T>> = { ttl: writtenLife, staleFor: windowMs };
    let isNew = false;
    const entry = await this.tiers.getOrSet<WrappedEntry<T> | undefined>(
      at,
      async ({ stale }) => {
        isNew = stale === undefined;
        return this.load(request, windowMs, stale);
      },
      options,
    );
    if (entry === undefined) return { value: undefined };
    if (!isNew && this.isOverdue(entry, request)) {
      this.refresh(at, request.key, entry, () => this.load(request, windowMs, undefined), options);
    }
    const { value, expires } = entry;
    return { value, ...(expires !== undefined && { expires }) };
  }

  private async load<T>(
    request: WrapRequest<T>,
    windowMs: number,
    replaced: WrappedEntry<T> | undefined,
  ): Promise<WrappedEntry<T> | undefined> {
    const { key, load, ttl } = request;
    const startedAt = this.defaults.clock.now();
    let value: T;
    try {
      value = await load();
    } catch (error) {
      if (replaced) this.events.emit('refresh', { key, value: replaced.value, error });
      throw error;
    }
    if (value === undefined) return undefined;
    const ttlMs = (typeof ttl === 'function' ? ttl(value) : ttl) ?? this.defaults.ttlMs;
    const expires = startedAt + ttlMs;
    const entry: WrappedEntry<T> =
      !Number.isFinite(ttlMs) || ttlMs === 0
        ? { value }
        : { value, expires, ...(windowMs > 0 && { refreshAt: expires - windowMs }) };
    if (replaced) this.tellRefreshed(key, entry, replaced);
    else this.events.emit('set', { key, value });
    return entry;
  }

  /** What the codec refuses has refreshed nothing. It is asked here, since it is only asked again once the event is out. */
  private tellRefreshed<T>(key: string, entry: WrappedEntry<T>, replaced: WrappedEntry<T>): void {
    try {
      this.storage.key<WrappedEntry<T>>(key).options.codec?.encode(entry);
      this.events.emit('refresh', { key, value: entry.value });
    } catch (error) {
      this.events.emit('refresh', { key, value: replaced.value, error });
    }
  }

  /** How much of its life the entry is stale, so that the first caller in that time refreshes it. At least 1 ms is fresh. */
  private windowOf<T>({ ttl = this.defaults.ttlMs, refreshThreshold }: WrapRequest<T>): number {
    const threshold = refreshThreshold ?? this.defaults.thresholdMs;
    if (typeof ttl === 'function' || typeof threshold === 'function') return 0;
    return ttl > 1 && threshold > 0 ? Math.min(threshold, ttl - 1) : 0;
  }

  /** Due, and not by the fill that served it. */
  private isOverdue<T>({ value, expires, refreshAt = Infinity }: WrappedEntry<T>, request: WrapRequest<T>): boolean {
    const { refreshThreshold: given } = request;
    const threshold = (typeof given === 'function' ? given(value) : given) ?? this.defaults.thresholdMs;
    const now = this.defaults.clock.now();
    return expires !== undefined && expires - now < threshold && now < refreshAt;
  }

  /** In the background; a refresh of this key that is under way will do. */
  private refresh<T>(
    at: CatalogueKey<WrappedEntry<T>>,
    key: string,
    { value: previous }: WrappedEntry<T>,
    load: Loader<WrappedEntry<T>>,
    options: EntryOptions<WrappedEntry<T>>,
  ): void {
    if (this.refreshing.has(key)) return;
    this.refreshing.add(key);
    this.tiers
      .refresh(at, load, options)
      .then((entry) => this.events.emit('refresh', { key, value: entry?.value }))
      .catch((error: unknown) => this.events.emit('refresh', { key, value: previous, error }))
      .finally(() => this.refreshing.delete(key))
      .catch(ignored); // a listener of the event threw: there is nobody to tell
  }
}

const writtenLife: Life<WrappedEntry<unknown> | undefined> = {
  description: 'as cache-manager was told',
  // A cache's clock may be some milliseconds ahead of the one that dates entries: what is due at once is kept all the same.
  freshUntil: ({ value, createdAt }) =>
    value?.refreshAt === undefined ? (value?.expires ?? Infinity) : Math.max(value.refreshAt, createdAt + 1),
  endless: true,
};

function ignored(): void {}
