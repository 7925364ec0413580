import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration, Protections } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { logRead } from '../support/log-read.js';
import { storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

describe.each(['memcached', 'redis'] as const)('two releases on one %s', (server) => {
  let place: StorePlace;
  const endings: (() => Promise<void>)[] = [];
  let stories = 0;
  beforeAll(async () => void (place = await storePlaces[server]()));
  afterAll(() => place.remove());
  afterEach(async () => {
    for (const end of endings.splice(0)) await end();
  });

  interface Release {
    readonly cache: TieredCache;
    readonly store: Store;
    readonly name: string;
  }

  /** A process of this release, with a connection of its own. Each call of it is a namespace of its own. */
  function story(): (
    version: string,
    own?: Partial<CacheConfiguration>,
    protections?: Protections,
    behind?: (store: Store) => Store,
  ) => Promise<Release> {
    const namespace = `story${++stories}`;
    let started = 0;
    return async (packageVersion, own = {}, protections = {}, behind = (store) => store) => {
      const name = `${namespace}-${++started}`;
      const store = behind(place.connect());
      const configuration = { name, namespace, store, packageVersion, coherence: { interval: 100 }, ...own };
      const cache = await buildCache(configuration, protections);
      endings.push(() => cache.close());
      return { cache, store, name };
    };
  }

  const changes: Readonly<Record<string, (cache: TieredCache) => Promise<unknown>>> = {
    deletes: (cache) => cache.delete('price'),
    sets: (cache) => cache.set('price', 'new', { tags: ['t'] }),
    updates: (cache) => cache.update('price', () => 'new'),
    expires: (cache) => cache.expire('price'),
    'invalidates a tag of': (cache) => cache.invalidateTags('t'),
    'clears all with': (cache) => cache.dangerouslyClear(),
  };

  it.each(Object.keys(changes))('T2 what one %s, the other serves no more', async (verb) => {
    const release = story();
    const older = await release('1.4.0');
    const newer = await release('1.5.0');
    for (const { cache } of [newer, older]) await cache.set('price', 'old', { tags: ['t'] });
    await eventually(async () => {
      expect(await older.cache.get('price')).toBe('old');
      expect(older.cache.peek('price')).toBe('old');
    });
    await changes[verb]?.(newer.cache);
    const alone = await release('1.4.0', { process: false });
    expect(await alone.cache.get('price')).toBeUndefined();
    await logRead(older.name);
    expect(older.cache.peek('price')).toBeUndefined();
    expect(await older.cache.get('price')).toBeUndefined();
  });

  it.each([
    [true, undefined],
    [false, 'old'],
  ])(
    'T2 (−) a late fill of the one that the other has invalidated, bound to its lease (%s), is then %s',
    async (isBound, stands) => {
      const release = story();
      const older = await release('1.4.0', {}, { leases: isBound, versions: isBound });
      const newer = await release('1.5.0');
      await older.cache.lookup('price');
      let finish = (_: string): void => {};
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const loading = older.cache.getOrSet('price', () => {
        begin();
        return new Promise<string>((resolve) => (finish = resolve));
      });
      await begun;
      expect(await newer.cache.delete('price')).toBe(true);
      finish('old');
      expect(await loading).toBe('old');
      const alone = await release('1.4.0', { process: false }, { versions: isBound });
      expect(await alone.cache.get('price')).toBe(stands);
    },
  );

  it.each([
    ['that comes back within the hour', { packageVersion: '1.4.0' }, { packageVersion: '1.5.0' }],
    ['whose stamp is changed, and changed back', { versionStamp: 'one' }, { versionStamp: 'two' }],
  ])('T3 a release %s serves nothing that was invalidated meanwhile', async (_, one, two) => {
    const release = story();
    const older = await release('1.0.0', one);
    await older.cache.set('price', 'old', { ttl: '2h' });
    await older.cache.set('other', 'kept', { ttl: '2h' });
    await older.cache.close();
    const newer = await release('1.0.0', two);
    expect(await newer.cache.delete('price')).toBe(true);
    const back = await release('1.0.0', one);
    expect(await back.cache.get('price')).toBeUndefined();
    expect(await back.cache.get('other')).toBe('kept');
  });

  it('T3 a lost list of versions brings nothing back: neither to who comes back nor to who runs on', async () => {
    const release = story();
    const older = await release('1.4.0');
    await older.cache.set('price', 'old');
    const running = await release('1.4.0');
    expect(await running.cache.get('price')).toBe('old');
    const newer = await release('1.5.0');
    await newer.store.shards[0].remove(`story${stories}~versions`);
    expect(await newer.cache.delete('price')).toBe(true);
    await logRead(running.name);
    expect(await running.cache.get('price')).toBeUndefined();
    const back = await release('1.4.0', { process: false });
    expect(await back.cache.get('price')).toBeUndefined();
  });

  it('T3 a release that starts between a writer’s look at the list and its removal is reached', async () => {
    const release = story();
    let held: HeldAnswers | undefined;
    const older = await release('1.4.0', {}, {}, (store) => (held = new HeldAnswers(store)).store);
    await older.cache.set('something', 1);
    // What it reads from now on is on its way: it knows one version.
    held?.hold('readFeed', '');
    const newer = await release('1.5.0');
    let finish = (_: string): void => {};
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const loading = newer.cache.getOrSet('price', () => {
      begin();
      return new Promise<string>((resolve) => (finish = resolve));
    });
    await begun;
    expect(await older.cache.delete('price')).toBe(true);
    finish('old');
    expect(await loading).toBe('old');
    const alone = await release('1.5.0', { process: false });
    expect(await alone.cache.get('price')).toBeUndefined();
    held?.letGo();
  });
});
