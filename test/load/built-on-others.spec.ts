import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration, Protections } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';
import { withoutPush } from '../support/without-push.js';

/** Nothing is read of the feed by itself in here: what a process knows it has asked for. */
const coherence = { interval: '10m', blindFor: '10m' } as const;
const options: EntryOptions<string> = { ttl: '1h', tags: ['t'] };

describe.each(storePlaceNames)('an entry that is built from another, on %s', (name) => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await storePlaces[name]();
  });
  afterAll(() => place.remove());
  let runs = 0;
  const caches: TieredCache[] = [];
  const connect = (): Store => withoutPush(place.connect());
  let row = 'old';

  async function twoProcesses(
    configuration: Partial<CacheConfiguration> = {},
    protections: Protections = {},
  ): Promise<{ a: TieredCache; b: TieredCache }> {
    row = 'old';
    const namespace = `built${++runs}`;
    const a = await buildCache({ name: 'a', namespace, store: connect(), coherence, ...configuration });
    const b = await buildCache({ name: 'b', namespace, store: connect(), coherence, ...configuration }, protections);
    caches.push(a, b);
    return { a, b };
  }
  afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

  const inner = (cache: TieredCache, own = options) => cache.getOrSet('inner', () => row, own);
  const outer = (cache: TieredCache, own = options) =>
    cache.getOrSet('outer', async () => `page with ${await inner(cache, own)}`, own);

  const invalidations: [string, (cache: TieredCache) => Promise<unknown>][] = [
    ['a tag', (cache) => cache.invalidateTags('t')],
    ['both keys', (cache) => cache.deleteMany(['inner', 'outer'])],
    ['a set of the part, then a delete of the whole', (cache) => cache.set('inner', row, options)],
  ];

  it.each<[string, (inner: TieredCache) => Promise<string>]>([
    ['getOrSet', (inner) => inner.getOrSet('inner', () => row)],
    ['get', async (inner) => (await inner.get<string>('inner')) ?? row],
    [
      'getOrSetMany',
      async (inner) => (await inner.getOrSetMany<string>(['inner'], () => [['inner', row]]))[0] as string,
    ],
  ])('is of nothing that a clear of another cache has taken, by %s from the store', async (_, read) => {
    const inner = await twoProcesses({ process: false });
    const outer = await twoProcesses();
    await inner.a.set('inner', 'old');
    expect(await inner.b.get('inner')).toBe('old');
    row = 'new';
    await inner.a.dangerouslyClear();
    await outer.b.getOrSet('outer', async () => `of ${await read(inner.b)}`);
    expect(await outer.a.get('outer')).toBe('of new');
  });

  it.each(invalidations)('T1 is not built on a near copy that %s has invalidated', async (how, invalidate) => {
    const { a, b } = await twoProcesses();
    await inner(b);
    row = 'new';
    await invalidate(a);
    if (how.startsWith('a set')) await a.delete('outer');
    expect(await outer(b)).toBe('page with new');
    expect(await a.get('outer')).toBe('page with new');
  });

  it.each(invalidations.slice(0, 2))(
    'T1 (−) with loads that build on whatever is near it is old for everyone, after %s',
    async (_, invalidate) => {
      const { a, b } = await twoProcesses({}, { verification: false });
      await inner(b);
      row = 'new';
      await invalidate(a);
      expect(await outer(b)).toBe('page with old');
      expect(await a.get('outer')).toBe('page with old');
    },
  );

  it('T1 nested three deep', async () => {
    const { a, b } = await twoProcesses();
    const middle = (cache: TieredCache) => cache.getOrSet('middle', async () => `(${await inner(cache)})`, options);
    await middle(b);
    row = 'new';
    await a.invalidateTags('t');
    expect(await b.getOrSet('outer', async () => `page with ${await middle(b)}`, options)).toBe('page with (new)');
    expect(await a.get('outer')).toBe('page with (new)');
  });

  it('T1 in a bulk, and on parts that are read in bulk or looked up', async () => {
    const { a, b } = await twoProcesses();
    await inner(b);
    row = 'new';
    await a.deleteMany(['inner', 'outer', 'other']);
    const parts = async (): Promise<string> => {
      const [first] = await b.getOrSetMany(['inner'], () => [['inner', row]], options);
      const found = await b.lookup<string>('inner');
      return `${first} ${found.hit ? found.value : 'none'} ${b.peek<string>('inner') ?? 'none'}`;
    };
    const built = await b.getOrSetMany(['outer', 'other'], async (keys) => {
      const text = await parts();
      return keys.map((key) => [key, text] as const);
    });
    expect(built).toEqual(['new new new', 'new new new']);
    expect(await a.get('other')).toBe('new new new');
  });

  it('T1 peek in a loader answers only what is verified already', async () => {
    const { a, b } = await twoProcesses();
    await inner(b);
    row = 'new';
    await a.invalidateTags('t');
    const seen = await b.getOrSet('outer', async () => [b.peek('inner') ?? 'nothing', await inner(b), b.peek('inner')]);
    expect(seen).toEqual(['nothing', 'new', 'new']);
  });

  it('T1 on what the request has read before, such as by a guard, is answered and not stored', async () => {
    const scope = new RequestScope();
    const { a, b } = await twoProcesses({ scope });
    const events = recordEvents('loadRefused');
    await scope.run(async () => {
      const user = await inner(b);
      row = 'new';
      await a.invalidateTags('t');
      expect(await b.getOrSet('outer', () => `page for ${user}`, options)).toBe('page for old');
    });
    expect(events.all).toMatchObject([{ cache: 'b', key: 'outer', reason: 'unverified' }]);
    expect(await a.get('outer')).toBeUndefined();
    expect(await b.get('outer')).toBeUndefined();
    events.stop();
  });

  it('is stored after a request has read other things that are still true', async () => {
    const scope = new RequestScope();
    const { a, b } = await twoProcesses({ scope });
    await scope.run(async () => {
      const user = await inner(b);
      await a.delete('something else');
      expect(await b.getOrSet('outer', () => `page for ${user}`, options)).toBe('page for old');
    });
    expect(await a.get('outer')).toBe('page for old');
  });

  it.each(['is stored', 'T1 is not stored, of what was invalidated meanwhile,'])(
    '%s where its request has ended before it is loaded, such as by a client that left',
    async (outcome) => {
      const scope = new RequestScope();
      const { a, b } = await twoProcesses({ scope });
      let finish!: () => void;
      const gate = new Promise<void>((resolve) => (finish = resolve));
      let loading: Promise<string> | undefined;
      await scope.run(async () => {
        const user = await inner(b);
        const begun = new Promise<void>((began) => {
          const load = async (): Promise<string> => {
            began();
            await gate;
            return `page for ${user}`;
          };
          loading = b.getOrSet('outer', load, options);
        });
        await begun;
      });
      if (outcome !== 'is stored') await b.delete('inner');
      finish();
      expect(await loading).toBe('page for old');
      expect(await a.get('outer')).toBe(outcome === 'is stored' ? 'page for old' : undefined);
    },
  );

  it('T1 a look-up that began before the load is judged when it lands', async () => {
    const { a, b } = await twoProcesses();
    await inner(a);
    const early = b.getOrSet('inner', () => row, options); // is on its way, and has read what stood there
    row = 'new';
    await a.invalidateTags('t');
    expect(await outer(b)).toBe('page with new');
    await early;
    expect(await a.get('outer')).toBe('page with new');
  });

  it('costs one reading of the feed beside the loader, however much is near, and none where nothing is', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await buildCache({ store: faulty.store, coherence });
    caches.push(cache);
    const parts = Array.from({ length: 20 }, (_, index) => `part ${index}`);
    const page = () => Promise.all(parts.map((part) => cache.getOrSet(part, () => part)));
    const readings = async (work: () => Promise<unknown>): Promise<number> => {
      faulty.commands.splice(0);
      await work();
      return faulty.commands.filter((command) => command.startsWith('readFeed')).length;
    };
    expect(await readings(() => cache.getOrSet('first', page))).toBe(0);
    expect(await readings(() => cache.getOrSet('second', page))).toBe(1);
    expect(await readings(() => cache.getOrSet('alone', () => 1))).toBe(0);
    const bulk = () => cache.getOrSetMany(['new part'], (keys) => keys.map((key) => [key, key] as const));
    expect(await readings(() => cache.getOrSet('of a bulk', bulk))).toBe(0);
    const tagged = ({ tag }: { tag: (name: string) => void }): number => (tag('t'), 1);
    expect(await readings(() => cache.getOrSet('tagged', tagged, { tags: ['t'] }))).toBe(0);
    expect(await readings(() => cache.getOrSet('tagged late', tagged))).toBe(1);
  });

  it('is kept nowhere where the feed can’t be read, and its parts are not served from near', async () => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    const cache = await buildCache({ store: faulty.store, coherence });
    const other = await buildCache({ store: shared, coherence });
    caches.push(cache, other);
    row = 'old';
    await inner(cache);
    row = 'new';
    await other.delete('inner');
    faulty.down = '~feed';
    expect(await outer(cache)).toBe('page with new');
    expect(cache.peek('outer')).toBeUndefined();
    faulty.down = undefined;
    expect(await cache.get('outer')).toBeUndefined();
  });

  it('a stale part is a miss to a loader; where its refresh fails the whole is answered, and not stored', async () => {
    const { a, b } = await twoProcesses();
    const stale: EntryOptions<string> = { ttl: '1h', staleFor: '1h' };
    await a.set('inner', 'old', stale);
    row = 'new';
    await a.expire('inner');
    expect(await outer(b, stale)).toBe('page with new');
    expect(await a.get('outer')).toBe('page with new');
    await a.expire('inner');
    await a.delete('outer');
    const failing = () => b.getOrSet<string>('inner', () => Promise.reject(new Error('down')), stale);
    expect(await b.getOrSet('outer', async () => `page with ${await failing()}`, stale)).toBe('page with new');
    expect(await a.get('outer')).toBeUndefined();
  });

  it('gets the tags of its parts with inheritTags, and those that its loader names', async () => {
    const { a, b } = await twoProcesses();
    const inherit: EntryOptions<string> = { ttl: '1h', inheritTags: true };
    const page = (cache: TieredCache) =>
      cache.getOrSet('outer', async () => `page with ${await inner(cache)}`, inherit);
    expect(await page(b)).toBe('page with old');
    row = 'new';
    await a.invalidateTags('t');
    expect(await a.get('outer')).toBeUndefined();
    expect(await page(a)).toBe('page with new');
    await b.getOrSet('named', ({ tag }) => (tag('catalog:17'), 'named'));
    expect(await a.get('named')).toBe('named');
    await a.invalidateTags('catalog:17');
    expect(await a.get('named')).toBeUndefined();
  });

  it('is not kept where a tag that its loader names was invalidated while it loaded', async () => {
    const { a, b } = await twoProcesses();
    const built = await b.getOrSet('named', async ({ tag }) => {
      const read = row;
      row = 'new';
      await a.invalidateTags('catalog:17');
      tag('catalog:17');
      return read;
    });
    expect(built).toBe('old');
    expect(await a.get('named')).toBeUndefined();
    expect(b.peek('named')).toBeUndefined();
  });
});
