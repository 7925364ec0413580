import { LRUCache } from 'lru-cache';
import type { Clock } from '../value/clock.js';
import type { Revision } from './store.js';

export interface MemoryItem {
  readonly bytes: Buffer;
  readonly revision: Revision;
  /** On the monotonic clock, as is the next. */
  readonly expiresAt: number;
  readonly writtenAt: number;
  readonly irreplaceable: boolean;
}

/**
 * What a store in memory holds, within its bytes: the least recently used go. What is irreplaceable lies apart, so that no entry displaces a lock, and takes
 * an eighth of the bytes at most. Beyond that what would live longest lies among the others: counters, rather than locks.
 */
export class MemoryItems {
  private readonly others: LRUCache<string, MemoryItem>;
  private readonly kept = new Map<string, MemoryItem>();
  private keptBytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly clock: Clock,
  ) {
    this.others = new LRUCache({ maxSize: maxBytes, sizeCalculation: (item, key) => sizeOf(key, item) });
  }

  get size(): number {
    return this.others.size + this.kept.size;
  }

  get bytes(): number {
    return this.others.calculatedSize + this.keptBytes;
  }

  /** Bytes of the largest value that stays under this key, whatever else goes for it: what is irreplaceable does not. */
  roomFor(storeKey: string): number {
    const own = this.kept.get(storeKey);
    const others = this.keptBytes - (own ? sizeOf(storeKey, own) : 0);
    return Math.max(0, this.maxBytes - others - storeKey.length - itemBytes);
  }

  get(storeKey: string): MemoryItem | undefined {
    return this.others.get(storeKey) ?? this.kept.get(storeKey);
  }

  /** No use of it. */
  peek(storeKey: string): MemoryItem | undefined {
    return this.others.peek(storeKey) ?? this.kept.get(storeKey);
  }

  set(storeKey: string, item: MemoryItem): void {
    if (!item.irreplaceable) {
      this.forget(storeKey);
      this.others.set(storeKey, item);
    } else {
      this.delete(storeKey);
      this.kept.set(storeKey, item);
      this.keptBytes += sizeOf(storeKey, item);
      if (this.keptBytes > this.maxBytes / 8) this.thin();
    }
    while (this.bytes > this.maxBytes && this.others.size > 0) this.others.pop();
  }

  delete(storeKey: string): void {
    this.forget(storeKey);
    this.others.delete(storeKey);
  }

  keys(): string[] {
    return [...this.kept.keys(), ...this.others.keys()];
  }

  private forget(storeKey: string): void {
    const item = this.kept.get(storeKey);
    if (!item) return;
    this.kept.delete(storeKey);
    this.keptBytes -= sizeOf(storeKey, item);
  }

  /** Down to half of what may be there: seldom, since it looks at all. */
  private thin(): void {
    const now = this.clock.monotonic();
    const longestFirst = [...this.kept].sort(([, a], [, b]) => b.expiresAt - a.expiresAt);
    for (const [storeKey, item] of longestFirst) if (item.expiresAt <= now) this.forget(storeKey);
    for (const [storeKey, item] of longestFirst) {
      if (this.keptBytes <= this.maxBytes / 16) return;
      this.forget(storeKey);
      this.others.set(storeKey, item);
    }
  }
}

/** Besides its key and its value. */
const itemBytes = 64;

const sizeOf = (storeKey: string, { bytes }: MemoryItem): number => bytes.length + storeKey.length + itemBytes;
