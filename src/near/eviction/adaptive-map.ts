import { AdaptivePolicy } from './adaptive-policy.js';
import { assertCount } from './bounded-map.js';
import type { BoundedMap, BoundedMapOptions, Evictable } from './bounded-map.js';

/** Evictions by one `set`. A value that needs more room than they make is refused; the room stays free for its next try. */
export const maxEvictionsAtOnce = 1_000;
const maxEntryBytes = 2 ** 32 - 1;

/**
 * A bounded map that learns what to keep, see {@link AdaptivePolicy}. A hit writes at most two bytes and moves nothing.
 *
 * It refuses what is larger than the whole map, and what more than {@link maxEvictionsAtOnce} entries would have to go for: so the time of every
 * operation is bounded, but for the growth of its tables.
 */
export class AdaptiveMap<V extends Evictable> implements BoundedMap<V> {
  readonly maxEntries: number;
  readonly maxBytes: number;
  private readonly seed: number;
  private readonly onEvicted: ((key: string, value: V) => void) | undefined;
  private values = new Map<string, V>();
  private policy: AdaptivePolicy;

  constructor(options: BoundedMapOptions<V>) {
    this.maxEntries = options.maxEntries;
    this.maxBytes = options.maxBytes;
    this.seed = Math.floor(options.random() * 2 ** 32) | 0;
    this.onEvicted = options.onEvicted;
    this.policy = this.newPolicy();
  }

  get size(): number {
    return this.values.size;
  }

  get bytes(): number {
    return this.policy.bytes;
  }

  get(key: string): V | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    const { policy } = this;
    if (((policy.slots.uses[value.slot] as number) & policy.hotBits) !== policy.hottest) policy.use(value.slot);
    return value;
  }

  peek(key: string): V | undefined {
    return this.values.get(key);
  }

  set(key: string, value: V, bytes: number): boolean {
    assertCount('bytes', bytes);
    const former = this.values.get(key);
    if (bytes > this.maxBytes || bytes > maxEntryBytes) {
      this.delete(key);
      return false;
    }
    return former === undefined ? this.add(key, value, bytes) : this.replace(key, former.slot, value, bytes);
  }

  delete(key: string): V | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    this.values.delete(key);
    this.policy.setAside(value.slot);
    this.policy.forget(value.slot);
    return value;
  }

  clear(): void {
    this.values = new Map();
    this.policy = this.newPolicy();
  }

  entries(): IterableIterator<[string, V]> {
    return this.values.entries();
  }

  private add(key: string, value: V, bytes: number): boolean {
    const entersMain = this.policy.entersMain(key);
    if (!this.makeRoom(bytes)) return false;
    value.slot = this.policy.enter(key, bytes, entersMain);
    this.values.set(key, value);
    return true;
  }

  private replace(key: string, slot: number, value: V, bytes: number): boolean {
    const { policy } = this;
    policy.use(slot);
    policy.setAside(slot);
    if (!this.makeRoom(bytes)) {
      this.values.delete(key);
      policy.forget(slot);
      return false;
    }
    policy.putBack(slot, bytes);
    value.slot = slot;
    this.values.set(key, value);
    return true;
  }

  private makeRoom(bytes: number): boolean {
    const { policy } = this;
    for (let evictions = 0; ; evictions++) {
      const lacksBytes = policy.bytes + bytes > this.maxBytes;
      if (!lacksBytes && policy.entries < this.maxEntries) return true;
      if (evictions === maxEvictionsAtOnce) return false;
      this.evict(policy.evict(lacksBytes));
    }
  }

  private evict(key: string): void {
    const value = this.onEvicted && this.values.get(key);
    this.values.delete(key);
    if (value !== undefined) this.onEvicted?.(key, value);
  }

  private newPolicy(): AdaptivePolicy {
    return new AdaptivePolicy(this.maxEntries, this.maxBytes, this.seed);
  }
}
