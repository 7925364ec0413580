import { memoryStore } from '../../../src/store/memory-store.js';
import type { Shard, Store } from '../../../src/store/store.js';
import type { Clock } from '../../../src/value/clock.js';

/** Two parts, each with a feed of its own, as two servers have it. Keys and tags are spread by their text. */
export function twoShardStore(clock: Clock): Store {
  const [first, second] = [memoryStore({ clock }), memoryStore({ clock })];
  const shards: readonly [Shard, Shard] = [first.shards[0], second.shards[0]];
  return {
    name: 'two',
    capabilities: first.capabilities,
    shards,
    shardOf: (storeKey) => shards[sumOf(storeKey) % 2] as Shard,
    open: async () => void (await Promise.all([first.open(), second.open()])),
    close: async () => void (await Promise.all([first.close(), second.close()])),
  };
}

function sumOf(text: string): number {
  let sum = 0;
  for (const letter of text) sum += letter.charCodeAt(0);
  return sum;
}
