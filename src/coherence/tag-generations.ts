import { encodePart } from '../key/key-part.js';
import { digest, maxKeyBytes } from '../key/key-space.js';
import { byShard } from '../store/placement.js';
import { countOn, isCounter, numberIn } from '../store/sound-counter.js';
import type { Shard, Store } from '../store/store.js';
import type { TagGeneration } from '../value/entry.js';
import { lastingText } from '../value/lasting-text.js';
import { tagName } from './invalidated-names.js';
import type { Invalidating, InvalidatingTag } from './shard-invalidations.js';

/** What the present generation of a tag says of an entry that was made under an earlier one. */
export type TagStanding = 'stands' | 'expired' | 'invalidated';

/** An invalidation advances a generation by so much, an expiry by one. So many expiries in a row count as an invalidation. */
const invalidationStep = 100;
/** Where generations begin to be counted: 2020. Exact numbers last for 44 years from there. */
const firstMs = Date.UTC(2020);
/** Generations that may begin in one millisecond. */
const chances = 64;

/**
 * A tag is a number that only grows, its *generation*. An entry records the generations that its load started with, and is valid while
 * they are the present ones: not since invalidated (the thousands), fresh while not since expired (the rest). A generation that was lost is made
 * anew from the clock: greater than it ever was, so that a loss invalidates and never revives. Chance has a part in it:
 *
 * 1. A begins a tag, and loads an entry under it; 2. the counter is lost; 3. B, whose clock is behind, invalidates the tag: it begins anew, and B's clock
 * shows the millisecond that A's showed at 1. Begun by the clock alone it would be the entry's generation.
 */
export class TagGenerations {
  /** @param enabled false only in tests that show what happens when all generations are taken for one. */
  constructor(
    private readonly store: Store,
    private readonly namespace: string,
    private readonly clock: { now(): number },
    private readonly random: () => number,
    private readonly enabled = true,
  ) {}

  shardOf(tag: string): Shard {
    return this.store.shardOf(this.storeKey(tag));
  }

  /** The present generations, one round trip per shard. @throws StoreUnavailableError */
  async read(tags: readonly string[]): Promise<TagGeneration[]> {
    if (!this.enabled) return tags.map((tag) => ({ tag, generation: 0 }));
    const groups = byShard(tags, (tag) => this.shardOf(tag));
    const read = await Promise.all([...groups].map(([shard, ofShard]) => this.readOf(shard, ofShard)));
    return read.flat();
  }

  /** What advances the tag, so that entries of loads which began earlier are not valid, or not fresh. */
  advance(tag: string, how: 'invalidate' | 'expire'): Invalidating {
    const by = how === 'invalidate' ? invalidationStep : 1;
    return { name: tagName(tag), advance: { storeKey: this.storeKey(tag), by, seed: () => this.seed() } };
  }

  private async readOf(shard: Shard, tags: readonly string[]): Promise<TagGeneration[]> {
    const keys = tags.map((tag) => this.storeKey(tag));
    const items = await shard.readMany(keys);
    return Promise.all(
      items.map(async (item, index): Promise<TagGeneration> => {
        const key = keys[index] as string;
        const stored = item && numberIn(item);
        const generation = isCounter(stored) ? stored : await countOn(shard, key, this.seed());
        return { tag: tags[index] as string, generation };
      }),
    );
  }

  private storeKey(tag: string): string {
    const key = `${this.namespace}~tag:${encodePart(tag)}`;
    return key.length <= maxKeyBytes ? key : `${this.namespace}~tag:${digest(tag)}`;
  }

  private seed(): number {
    const sinceMs = Math.max(1, Math.floor(this.clock.now()) - firstMs);
    return (sinceMs * chances + Math.floor(this.random() * chances)) * invalidationStep;
  }
}

/** It leaves entries with a stale life, which an invalidation takes. */
export function isExpiry(item: Invalidating): boolean {
  return 'advance' in item && item.advance.by < invalidationStep;
}

export function asInvalidation(item: InvalidatingTag): InvalidatingTag {
  return { ...item, advance: { ...item.advance, by: invalidationStep } };
}

/** The same in texts of its own, for what waits: a tag may be cut from a large text. */
export function lastingAdvance({ name, advance }: InvalidatingTag): InvalidatingTag {
  return { name: lastingText(name), advance: { ...advance, storeKey: lastingText(advance.storeKey) } };
}

/** What the present generation says of an entry that recorded `recorded`. */
export function standingOf(recorded: number, present: number | undefined): TagStanding {
  if (present === recorded) return 'stands';
  if (present === undefined || present < recorded) return 'invalidated';
  const sameInvalidation = Math.floor(present / invalidationStep) === Math.floor(recorded / invalidationStep);
  return sameInvalidation ? 'expired' : 'invalidated';
}
