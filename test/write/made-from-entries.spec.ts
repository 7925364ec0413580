import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { sinceLastChecked, sinceSet } from '../../src/catalogue/lives/since.js';
import { untilInstant } from '../../src/catalogue/lives/until.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
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

  interface Checked {
    readonly until: number;
  }
  const hour = 3_600_000;
  const lives: [string, EntryOptions<Checked | null>][] = [
    ['a date in the value', { ttl: untilInstant((value: Checked | null) => value?.until) }],
    ['a function of the value', { ttl: (value) => new Date(value?.until ?? 0) }],
    [
      'when the value was checked',
      { ttl: sinceLastChecked('1h', (value: Checked | null) => (value?.until ?? 0) - hour) },
    ],
    [
      'whether there is one',
      { ttl: '10h', negative: { ttl: '1h', when: (value) => (value?.until ?? 0) < Date.now() + 5 * hour } },
    ],
  ];
  it.each(lives)('ends anew, where its end depends on %s and that has changed', async (name, options) => {
    const key = defineKey(`${name.replaceAll(' ', '-')}:{id}`, { holds: 'what ends', ...options })({ id: '1' });
    const now = Date.now();
    const freshForMs = async (): Promise<number> => (await here.explain(key)).tiers.at(-1)?.freshForMs ?? 0;
    await here.set<Checked | null>(key, { until: now + 10 * hour });
    expect(await freshForMs()).toBeGreaterThan(9 * hour);
    await here.update<Checked | null>(key, () => ({ until: now + hour }));
    expect(await freshForMs()).toBeLessThanOrEqual(hour);
    await here.update<Checked | null>(key, () => ({ until: now + 10 * hour }));
    expect(await freshForMs()).toBeGreaterThan(9 * hour);
  });

  it.each(lives.slice(0, 3))('is removed, where its end depends on %s and is over', async (name, options) => {
    const key = defineKey(`over-${name.replaceAll(' ', '-')}:{id}`, { holds: 'what ends', ...options })({ id: '1' });
    const now = Date.now();
    await here.set<Checked | null>(key, { until: now + hour });
    expect(await here.update<Checked | null>(key, () => ({ until: now - hour }))).toEqual({ until: now - hour });
    expect(await here.get(key)).toBeUndefined();
    expect(await elsewhere.get(key)).toBeUndefined();
    expect(await here.update<Checked | null>(key, (current) => current ?? { until: now + hour })).toEqual({
      until: now + hour,
    });
    expect(await elsewhere.get(key)).toEqual({ until: now + hour });
  });

  it('is removed, where only the answer that there is none was to be kept', async () => {
    const options = { ttl: 0, negative: { ttl: '1m' } } as const;
    const key = defineKey('none-alone:{id}', { holds: 'whether there is none', ...options })({ id: '1' });
    await here.set<number | null>(key, null);
    expect(await here.get(key)).toBeNull();
    expect(await here.update<number | null>(key, () => 5)).toBe(5);
    expect(await here.get(key)).toBeUndefined();
    expect(await elsewhere.get(key)).toBeUndefined();
  });

  it('goes on with its remaining life, where neither value gives an end', async () => {
    const ttl = untilInstant((value: { until?: number }) => value.until);
    const key = defineKey('endless:{id}', { holds: 'what ends', ttl })({ id: '1' });
    await here.set(key, { n: 1 }, { ttl: '1m' });
    await here.update<object>(key, () => ({ n: 2 }));
    expect(await here.get(key)).toEqual({ n: 2 });
  });

  let drawn = 0;
  it.each<[string, EntryOptions<number>]>([
    ['a duration', { ttl: '1h' }],
    ['a time since it was set', { ttl: sinceSet('1h') }],
    ['a function that gives both the same', { ttl: () => '1h' }],
    ['drawn by chance', { ttl: () => 3_600_000 + ++drawn }],
  ])('goes on with its remaining life, where that is %s', async (name, options) => {
    const key = defineKey(`${name.replaceAll(' ', '-')}:{id}`, { holds: 'a counter', ...options })({ id: '1' });
    await here.set(key, 1, { ttl: '1m' });
    await here.update<number>(key, (count = 0) => count + 1);
    expect((await here.explain(key)).tiers.at(-1)?.freshForMs).toBeLessThanOrEqual(60_000);
    expect(await here.get(key)).toBe(2);
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

describe.each(storePlaceNames)('What is over when an entry on %s is updated to it', (name) => {
  it('takes away what was there, for every process, and may be followed by another', async () => {
    const place = await storePlaces[name]();
    const caches = await Promise.all(['one', 'other'].map((one) => buildCache({ name: one, store: place.connect() })));
    const [one, other] = caches as [TieredCache, TieredCache];
    const ttl = untilInstant((value: { until: number }) => value.until);
    const key = defineKey('voucher:{id}', { holds: 'a voucher', ttl })({ id: '1' });
    const valid = { until: Date.now() + 3_600_000 };
    await one.set(key, valid);
    expect(await other.get(key)).toEqual(valid);
    expect(await one.update(key, () => ({ until: 0 }))).toEqual({ until: 0 });
    expect(await one.get(key)).toBeUndefined();
    await eventually(async () => expect(await other.get(key)).toBeUndefined());
    expect(await other.getOrSet(key, () => valid)).toEqual(valid);
    expect(await one.get(key)).toEqual(valid);
    expect(await one.update(key, () => ({ until: 0 }))).toEqual({ until: 0 });
    expect(await one.setIfAbsent(key, valid)).toEqual(valid);
    await Promise.all(caches.map((cache) => cache.close()));
    await place.remove();
  });
});
