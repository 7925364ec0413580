import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Revision } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';

const forever = { lifeMs: Infinity };
const garbage = Buffer.from('nothing that anybody understands');

describe('An item that is worthless again however often it is removed', () => {
  let cache: TieredCache | undefined;
  afterEach(() => cache?.close());

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['alone', (cache) => cache.getOrSet('k', () => 'loaded')],
    [
      'among others',
      async (cache) => (await cache.getOrSetMany(['k', 'l'], (keys) => keys.map((key) => [key, 'loaded'])))[0],
    ],
  ])('is removed six times, and its key is loaded without the store: %s', async (_, ask) => {
    const inner = memoryStore();
    let removals = 0;
    const store = storeBehind(inner, (shard) => {
      const remove = async (storeKey: string, revision?: Revision): Promise<unknown> => {
        const outcome = await shard.remove(storeKey, revision);
        removals++;
        await shard.write(storeKey, garbage, forever);
        return outcome;
      };
      return shardWith(shard, { remove });
    });
    cache = await buildCache({ store });
    await inner.shards[0].write(cache.storeKey('k'), garbage, forever);
    expect(await ask(cache)).toBe('loaded');
    expect(removals).toBe(6);
    expect(cache.peek('k')).toBe('loaded');
  });
});
