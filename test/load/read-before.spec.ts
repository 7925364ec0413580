import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const life = { ttl: '1h' } as const;
const stale = { ttl: '1h', staleFor: '1h' } as const;

describe('A load in a request', () => {
  const scope = new RequestScope();
  let clock: FakeClock;
  let faulty: FaultyStore;
  let here: TieredCache;
  let there: TieredCache;
  beforeEach(async () => {
    clock = new FakeClock();
    const shared = memoryStore({ clock });
    faulty = new FaultyStore(shared);
    here = await buildCache({ name: 'here', store: faulty.store, clock, scope });
    there = await buildCache({ name: 'there', store: shared, clock, process: false });
    await here.set('part', 'part', { ttl: '10s', staleFor: '1h' });
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  /** A page that is made of what the request has read before it asks. */
  async function page(): Promise<string> {
    const part = await here.get<string>('part');
    return here.getOrSet('page', () => `page with ${String(part)}`, life);
  }
  const pageOf = (part: unknown): Promise<string> => here.getOrSet('page', () => `page with ${String(part)}`, life);

  it('costs no reading of the feed where the request has read nothing before, and one where it has', async () => {
    await scope.run(async () => {
      faulty.commands.splice(0);
      expect(await here.getOrSet('k', () => 1, life)).toBe(1);
      expect(await here.getOrSet('l', () => 2, life)).toBe(2);
    });
    expect(faulty.commands.filter((command) => command.startsWith('readFeed'))).toHaveLength(1);
    expect(await there.get('k')).toBe(1);
  });

  it.each([
    ['stored where that is fresh', '9s', 'page with part'],
    ['answered, and not stored, where that is stale', '10s', undefined],
  ] as const)('of what it has read before is %s', async (_, age, stored) => {
    await clock.advance(age);
    expect(await scope.run(page)).toBe('page with part');
    expect(await there.get('page')).toBe(stored);
  });

  it('is stored where it reads what there is none of, as the request has before', async () => {
    const banner = () => here.getOrSet<string>('banner', () => undefined, life);
    const read = async (): Promise<string> => {
      await banner();
      return here.getOrSet('page', async () => `page with ${await banner()}`, life);
    };
    expect(await scope.run(read)).toBe('page with undefined');
    expect(await there.get('page')).toBe('page with undefined');
  });

  it('is stored where other requests are told meanwhile that there is none, as this one was', async () => {
    const banner = () => here.getOrSet<string>('banner', () => undefined, life);
    await scope.run(async () => {
      await banner();
      await here.getOrSet('page', async () => (await scope.run(banner), 'page without'), life);
    });
    expect(await there.get('page')).toBe('page without');
  });

  it('is not stored where what it has read was invalidated since, whose key is so long that the feed has its digest', async () => {
    const long = 'é'.repeat(100);
    await here.set(long, 'part', life);
    const read = async (): Promise<string> => {
      const part = await here.get<string>(long);
      await there.delete(long);
      return pageOf(part);
    };
    expect(await scope.run(read)).toBe('page with part');
    expect(await there.get('page')).toBeUndefined();
  });

  const invalidated = () => there.deleteMany(['part', 'other', 'page']);
  it.each<[string, () => Promise<unknown>]>([
    [
      'by a look-up that was overtaken',
      () =>
        here.getOrSet('other', async () => {
          await scope.run(() => here.deleteMany(['other', 'page']));
          return 'old';
        }),
    ],
    [
      'and is not kept, since cacheIf turned it down',
      async () => {
        const read = await here.getOrSet('other', () => 'old', { cacheIf: () => false });
        await invalidated();
        return read;
      },
    ],
    [
      'as none',
      async () => {
        const read = await here.getOrSet('other', () => undefined);
        await invalidated();
        return read;
      },
    ],
    [
      'as none of a tag',
      async () => {
        const read = await here.getOrSet('other', () => undefined, { tags: ['t'] });
        await there.invalidateTags('t');
        return read;
      },
    ],
    [
      'by peek',
      async () => {
        const read = here.peek('part');
        await invalidated();
        return read;
      },
    ],
    [
      'by setIfAbsent',
      async () => {
        const read = await here.setIfAbsent('part', 'never');
        await invalidated();
        return read;
      },
    ],
    [
      'and deleted itself',
      async () => {
        const read = await here.get('part');
        await here.deleteMany(['part', 'page']);
        return read;
      },
    ],
    [
      'and invalidated by its tag itself',
      async () => {
        const read = await here.getOrSet('other', () => 'old', { tags: ['t'] });
        await here.invalidateTags('t');
        return read;
      },
    ],
    [
      'before it forced a miss',
      async () => {
        const read = await here.get('part');
        await invalidated();
        scope.forceMiss();
        return read;
      },
    ],
    [
      'unverified, while the feed could not be read',
      async () => {
        faulty.down = '~feed';
        const read = await here.getOrSet('other', async () => `other with ${await here.get<string>('part')}`);
        faulty.down = undefined;
        return read;
      },
    ],
  ])('is answered, and not stored, of what the request has read %s', async (_, read) => {
    await scope.run(async () => {
      const part = await read();
      expect(await pageOf(part)).toBe(`page with ${String(part)}`);
    });
    expect(await there.get('page')).toBeUndefined();
    expect(here.peek('page')).toBeUndefined();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a key that it has not read', () => here.delete('something else')],
    [
      'what it has read, and has read it anew',
      async () => (await here.delete('part'), here.getOrSet('part', () => 'new')),
    ],
    ['what it has read, and has set it', async () => (await here.delete('part'), here.set('part', 'new'))],
  ])('is stored where the request has deleted %s', async (_, change) => {
    await scope.run(async () => {
      await here.get('part');
      await change();
      await pageOf(await here.get('part'));
    });
    expect(await there.get('page')).toMatch(/^page with (part|new)$/);
  });

  it('is stored where the request has read and deleted the same key', async () => {
    await scope.run(async () => {
      await here.get('part');
      await here.delete('part');
      expect(await here.getOrSet('part', () => 'new')).toBe('new');
    });
    expect(await there.get('part')).toBe('new');
  });

  it('is stored where other things were invalidated than what cacheIf turned down', async () => {
    await scope.run(async () => {
      const read = await here.getOrSet('other', () => 'empty', { cacheIf: () => false });
      await there.delete('something else');
      await pageOf(read);
    });
    expect(await there.get('page')).toBe('page with empty');
  });

  // Who refreshes says that what is there is wrong: it goes, whether the new value may be kept or not.
  it.each<[string, string | undefined, (part: unknown) => Promise<unknown>]>([
    ['by refresh', undefined, (part) => here.refresh('page', () => `page with ${String(part)}`, life)],
    ['in the background', 'first', (part) => here.getOrSet('page', () => `page with ${String(part)}`, stale)],
  ])('%s is of what the request has read as well', async (_, left, load) => {
    for (const isInvalidated of [true, false]) {
      await there.set('page', 'first', stale);
      await there.set('part', 'part', life);
      await there.expire('page');
      await clock.advance('1s');
      await scope.run(async () => {
        const part = await here.get('part');
        if (isInvalidated) await there.delete('part');
        await load(part);
      });
      await clock.advance(1);
      expect(await there.get('page')).toBe(isInvalidated ? left : 'page with part');
    }
  });

  it('in the background is stored though the request was given other stale parts', async () => {
    const keys = ['a', 'b', 'c'];
    for (const key of keys) {
      await there.set(key, 'old', stale);
      await there.expire(key);
    }
    await clock.advance('1s');
    await scope.run(async () => {
      for (const key of keys) expect(await here.getOrSet(key, () => 'new', stale)).toBe('old');
    });
    await clock.advance(1);
    expect((await there.getMany(keys)).map((found) => found.hit && found.value)).toEqual(['new', 'new', 'new']);
  });

  it('is not stored of what was invalidated, where its request has ended before the store has answered', async () => {
    let loading: Promise<unknown> | undefined;
    await scope.run(async () => {
      const part = await here.get('part');
      await there.deleteMany(['part', 'page']);
      loading = pageOf(part);
    });
    expect(await loading).toBe('page with part');
    expect(await there.get('page')).toBeUndefined();
  });
});
