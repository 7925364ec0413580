import type { Shard, Store } from '../../src/store/store.js';

/** The store, each of whose shards is reached through what `wrap` makes of it. */
export function storeBehind(store: Store, wrap: (shard: Shard) => Shard): Store {
  const shards = store.shards.map(wrap) as [Shard, ...Shard[]];
  return {
    name: store.name,
    capabilities: store.capabilities,
    shards,
    shardOf: (key) => shards[store.shards.indexOf(store.shardOf(key))] as Shard,
    open: () => store.open(),
    close: () => store.close(),
  };
}
