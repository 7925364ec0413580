import type { Shard } from '../../src/store/store.js';

/** The shard, some of whose operations are others; `undefined` takes one away. */
export function shardWith(shard: Shard, own: Partial<Record<keyof Shard, unknown>>): Shard {
  return new Proxy(shard, {
    get(target, name) {
      const found: unknown = Object.hasOwn(own, name) ? Reflect.get(own, name) : Reflect.get(target, name);
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
}
