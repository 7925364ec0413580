import { encodePart } from '../key/key-part.js';
import { digest, maxKeyBytes } from '../key/key-space.js';
import type { TagGeneration } from '../value/entry.js';
import type { Clock } from '../value/clock.js';
import { byShard } from '../store/placement.js';
import type { Shard, Store } from '../store/store.js';
import { seed } from './shard-log.js';

/**
 * A tag is a number that only grows, its *generation*. An entry records the generations that its load started with, and is valid while
 * they are the present ones. A generation that was lost is made anew from the clock: greater than it ever was, so that a loss
 * invalidates and never revives.
 */
export class TagGenerations {
  /** @param enabled false only in tests that show what happens when all generations are taken for one. */
  constructor(
    private readonly store: Store,
    private readonly namespace: string,
    private readonly clock: Clock,
    private readonly enabled = true,
  ) {}

  shardOf(tag: string): Shard {
    return this.store.shardOf(this.storeKey(tag));
  }

  /** The present generations, one round trip per shard. @throws StoreUnavailableError */
  async read(tags: readonly string[]): Promise<TagGeneration[]> {
    if (!this.enabled) return tags.map((tag) => ({ tag, generation: 0 }));
    const groups = byShard(tags, (tag) => this.shardOf(tag));
    const read = await Promise.all(
      [...groups].map(async ([shard, ofShard]) => {
        const keys = ofShard.map((tag) => this.storeKey(tag));
        const items = await shard.readMany(keys);
        return Promise.all(
          items.map(async (item, index): Promise<TagGeneration> => {
            const stored = item && Number(item.bytes.toString('latin1'));
            const generation = Number.isSafeInteger(stored)
              ? (stored as number)
              : await shard.increment(keys[index] as string, 0, seed(this.clock));
            return { tag: ofShard[index] as string, generation };
          }),
        );
      }),
    );
    return read.flat();
  }

  /** From now on entries of loads that began earlier are not valid. @throws StoreUnavailableError */
  async advance(tag: string): Promise<void> {
    await this.shardOf(tag).increment(this.storeKey(tag), 1, seed(this.clock));
  }

  private storeKey(tag: string): string {
    const key = `${this.namespace}~tag:${encodePart(tag)}`;
    return key.length <= maxKeyBytes ? key : `${this.namespace}~tag:${digest(tag)}`;
  }
}
