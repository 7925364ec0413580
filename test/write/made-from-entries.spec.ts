import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { withoutPush } from '../support/without-push.js';

const untold = { interval: '1h' } as const;
const document = defineKey('document:{id}', { holds: 'a document', tags: ['t'] });
const first = document({ id: '1' });
const scope = new RequestScope();
let store: Store;
/** Hears of invalidations when it asks. */
let here: TieredCache;
let elsewhere: TieredCache;

beforeEach(async () => {
  store = withoutPush(memoryStore());
  here = await buildCache({ name: 'here', store, scope, coherence: untold });
  elsewhere = await buildCache({ name: 'elsewhere', store, coherence: untold });
});
afterEach(async () => {
  await here.close();
  await elsewhere.close();
});

describe('What is made from an entry', () => {
  const added = async (options?: EntryOptions<number>): Promise<number> => here.update('k', (n = 0) => n + 1, options);

  it('keeps its tags, beside those of the call, and goes with each of them', async () => {
    for (const tag of ['old', 'new']) {
      await here.set('k', 1, { tags: ['old'] });
      expect(await added({ tags: ['new'], ttl: '1m' })).toBe(2);
      expect(await added()).toBe(3);
      expect((await here.explain('k')).tiers.at(-1)?.tags).toEqual(['old', 'new']);
      await elsewhere.invalidateTags(tag);
      expect(await elsewhere.get('k')).toBeUndefined();
    }
  });

  it('keeps its version, unless the call names one', async () => {
    await here.set('k', 1, { version: 'v1' });
    await added();
    expect(await here.get('k', { version: 'v1' })).toBe(2);
    expect(await added({ version: 'v2' })).toBe(1);
    expect(await here.get('k', { version: 'v1' })).toBeUndefined();
  });

  it('stays away from near tiers, where that does', async () => {
    await here.set('k', 1, { tiers: ['store'] });
    await added();
    expect(await here.get('k')).toBe(2);
    expect(here.peek('k')).toBeUndefined();
  });

  it('is made from none that a tag has taken, whatever the request remembers of the tag', async () => {
    await here.set(first, 'old');
    await scope.run(async () => {
      await here.get(document({ id: '2' }));
      await elsewhere.invalidateTags('t');
      expect(await here.update<string>(first, (current) => current ?? 'new')).toBe('new');
    });
    expect(await elsewhere.get(first)).toBe('new');
    await here.set('untold', 'old', { tags: ['t'] });
    await scope.run(async () => {
      await here.get(first);
      await elsewhere.invalidateTags('t');
      expect(await here.setIfAbsent('untold', 'new')).toBe('new');
    });
  });

  it('is not kept where a loader was given it and it is stale, and gives the loader its tags', async () => {
    for (const give of [() => here.update<string>('k', (now) => now ?? ''), () => here.setIfAbsent('k', '')]) {
      await here.set('k', 'old', { tags: ['t'], staleFor: '1m' });
      await here.getOrSet('fresh page', give, { inheritTags: true });
      expect((await here.explain('fresh page')).tiers.at(-1)?.tags).toEqual(['t']);
      await here.expire('k');
      await here.getOrSet('page', give);
      expect(await elsewhere.get('page')).toBeUndefined();
      await here.deleteMany(['page', 'fresh page']);
    }
  });
});
