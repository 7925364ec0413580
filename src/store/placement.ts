import type { Shard, Store } from './store.js';

/** The items of a batch by the shard that their keys belong to: one round trip each. Order within a shard is kept. */
export function byShard<T>(store: Store, items: readonly T[], storeKeyOf: (item: T) => string): Map<Shard, T[]> {
  const groups = new Map<Shard, T[]>();
  for (const item of items) {
    const shard = store.shardOf(storeKeyOf(item));
    const group = groups.get(shard);
    if (group) group.push(item);
    else groups.set(shard, [item]);
  }
  return groups;
}
