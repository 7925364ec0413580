import type { TieredCache } from '../cache/tiered-cache.js';
import type { Clock } from '../value/clock.js';
import { KeyvStorage } from './keyv-storage.js';
import type { KeyvStorageOptions } from './keyv-storage.js';

/**
 * For a Keyv that leaves its entries as they are (`{ value, expires }`). Keyv dates them by the machine's time of day, and compares with it.
 * Below this storage they are dated by the clock of the cache, as those of `wrap` are.
 */
export class ClockedStorage extends KeyvStorage {
  constructor(
    cache: TieredCache,
    options: KeyvStorageOptions,
    private readonly clock: Clock,
  ) {
    super(cache, options);
  }

  override async get<V>(key: string): Promise<V | undefined> {
    return this.forKeyv(await super.get<V>(key));
  }

  override async getMany<V>(keys: readonly string[]): Promise<(V | undefined)[]> {
    return (await super.getMany<V>(keys)).map((entry) => this.forKeyv(entry));
  }

  override set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return super.set(key, this.fromKeyv(value, ttl), ttl);
  }

  override setMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number }[],
  ): Promise<void> {
    return super.setMany(entries.map((entry) => ({ ...entry, value: this.fromKeyv(entry.value, entry.ttl) })));
  }

  private forKeyv<V>(entry: V): V {
    return hasEnd(entry) ? { ...entry, expires: entry.expires - this.clock.now() + Date.now() } : entry;
  }

  private fromKeyv(entry: unknown, ttl: number | undefined): unknown {
    return hasEnd(entry) && ttl !== undefined ? { ...entry, expires: this.clock.now() + ttl } : entry;
  }
}

function hasEnd<V>(entry: V): entry is V & { readonly expires: number } {
  return typeof entry === 'object' && entry !== null && 'expires' in entry && typeof entry.expires === 'number';
}
