import type { Shard } from './store.js';

/** The items of a batch by the shard that they belong to: one round trip each. Order within a shard is kept. */
export function byShard<T>(items: readonly T[], shardOf: (item: T) => Shard): Map<Shard, T[]> {
  const groups = new Map<Shard, T[]>();
  for (const item of items) {
    const shard = shardOf(item);
    const group = groups.get(shard);
    if (group) group.push(item);
    else groups.set(shard, [item]);
  }
  return groups;
}
