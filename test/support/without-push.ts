import type { Shard, Store } from '../../src/store/store.js';
import { storeBehind } from '../../src/origin/shard-behind.js';

/** The store, whose feed wakes nobody: what a process knows it has asked for. */
export const withoutPush = (store: Store): Store => storeBehind(store, unwatched);

const unwatched = (shard: Shard): Shard =>
  new Proxy(shard, {
    get(target, name) {
      if (name === 'watchFeed') return undefined;
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
