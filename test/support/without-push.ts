import type { Shard, Store } from '../../src/store/store.js';

/** The store, whose feed wakes nobody: what a process knows it has asked for. */
export function withoutPush(store: Store): Store {
  const shards = store.shards.map(unwatched) as unknown as readonly [Shard, ...Shard[]];
  return {
    name: store.name,
    capabilities: store.capabilities,
    shards,
    shardOf: (key) => shards[store.shards.indexOf(store.shardOf(key))] as Shard,
    open: () => store.open(),
    close: () => store.close(),
  };
}

const unwatched = (shard: Shard): Shard =>
  new Proxy(shard, {
    get(target, name) {
      if (name === 'watchFeed') return undefined;
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
