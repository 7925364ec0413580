import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { withoutPush } from '../support/without-push.js';

const nothing = defineKey('nothing:{id}', { holds: 'nothing', tags: ({ id }) => [id] });
const scope = new RequestScope();
let here: TieredCache;
let elsewhere: TieredCache;

beforeEach(async () => {
  const store = withoutPush(memoryStore());
  here = await buildCache({ name: 'here', store, scope, coherence: { interval: '1h' } });
  elsewhere = await buildCache({ name: 'elsewhere', store, coherence: { interval: '1h' } });
});
afterEach(async () => {
  await here.close();
  await elsewhere.close();
});

describe('What a request remembers of a tag', () => {
  const verbs: Readonly<Record<string, () => Promise<string | undefined>>> = {
    get: () => here.get<string>('part'),
    getMany: async () => (await here.getMany<string>(['part'])).map((one) => (one.hit ? one.value : undefined))[0],
    getOrSet: () => here.getOrSet('part', () => 'new'),
    getOrSetMany: async () => (await here.getOrSetMany<string>(['part'], () => [['part', 'new']]))[0],
  };

  it.each(Object.keys(verbs))('is not believed by a load that reads a part with %s', async (verb) => {
    await elsewhere.set('part', 'old', { tags: ['t'] });
    await scope.run(async () => {
      await here.get(nothing({ id: 't' }));
      await elsewhere.invalidateTags('t');
      const page = await here.getOrSet('page', async () => `of a ${(await verbs[verb]?.()) ?? 'new'} part`);
      expect(page).toBe('of a new part');
    });
    expect(await elsewhere.get('page')).toBe('of a new part');
  });

  it('is no more than 10,000 tags', async () => {
    await scope.run(async () => {
      for (let page = 0; page < 11; page++) {
        await here.getMany(Array.from({ length: 1_000 }, (_, row) => nothing({ id: `${page}-${row}` })));
      }
      const { notes } = scope.current() as unknown as { notes: Map<unknown, Map<string, unknown>> };
      expect([...notes.values()].map(({ size }) => size)).toEqual([10_000]);
    });
  });
});
