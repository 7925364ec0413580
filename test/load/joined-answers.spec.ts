import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';
import { withoutPush } from '../support/without-push.js';

/** Nothing is read of the feed by itself in here: what a process knows it has asked for. */
const coherence = { interval: '10m', blindFor: '10m' } as const;
const stale = { ttl: '1h', staleFor: '1h', tags: ['t'] } as const;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('What a loader is given by a load that began before its own', () => {
  let clock: FakeClock;
  let faulty: FaultyStore;
  let a: TieredCache;
  let b: TieredCache;
  let open: () => void;
  let gate: Promise<void>;
  beforeEach(async () => {
    const shared = withoutPush(memoryStore({ clock: (clock = new FakeClock()) }));
    faulty = new FaultyStore(shared);
    a = await buildCache({ name: 'a', store: shared, clock, coherence });
    b = await buildCache({ name: 'b', store: faulty.store, clock, coherence, process: false });
    gate = new Promise((resolve) => (open = resolve));
  });
  afterEach(() => Promise.all([a.close(), b.close()]));

  const none = async (): Promise<string | undefined> => {
    await gate;
    return undefined;
  };
  const notFound = async (): Promise<string> => {
    await gate;
    throw new NotFoundException();
  };
  /** The page of this process, whose part is being loaded already. */
  async function pageOf(part: () => Promise<string>): Promise<string> {
    const page = b.getOrSet('outer', async () => `page of ${await part()}`);
    await turn();
    open();
    return page;
  }
  /** This process is refreshing what is stale. */
  async function refreshUnderWay(): Promise<void> {
    await a.set('inner', 'old', stale);
    await a.expire('inner');
    await b.getOrSet('inner', async () => (await gate, 'refreshed'), stale);
    await turn();
  }
  const part = async (): Promise<string> => (await b.getOrSet('inner', () => 'row')) ?? 'nothing';

  it('is judged where that found none: what was made since is asked for', async () => {
    const early = b.getOrSet('inner', none);
    await turn();
    await a.deleteMany(['inner', 'outer']);
    expect(await pageOf(part)).toBe('page of row');
    expect(await early).toBeUndefined();
    expect(await a.get('outer')).toBe('page of row');
  });

  it('is none where nothing was made since, and is loaded once, however many ask', async () => {
    let loads = 0;
    const counted = () => (loads++, none());
    const early = b.getOrSet('inner', counted);
    await turn();
    const pages = ['p', 'q', 'r'].map((page) =>
      b.getOrSet(page, async () => (await b.getOrSet('inner', counted)) ?? 'nothing'),
    );
    await turn();
    open();
    expect(await Promise.all([early, ...pages])).toEqual([undefined, 'nothing', 'nothing', 'nothing']);
    expect(loads).toBe(1);
    expect(await a.get('p')).toBe('nothing');
  });

  it('is answered, and not built on for others, where that says by an error that there is none', async () => {
    const early = b.getOrSet('inner', notFound).catch(() => 'none');
    await turn();
    await a.deleteMany(['inner', 'outer']);
    expect(await pageOf(() => b.getOrSet('inner', () => 'row').catch(() => 'nothing'))).toBe('page of nothing');
    await early;
    expect(await a.get('outer')).toBeUndefined();
  });

  it('is built on where that says by an error that there is none, and nothing was made since', async () => {
    const early = b.getOrSet('inner', notFound).catch(() => 'none');
    await turn();
    expect(await pageOf(() => b.getOrSet('inner', () => 'row').catch(() => 'nothing'))).toBe('page of nothing');
    await early;
    expect(await a.get('outer')).toBe('page of nothing');
  });

  it('is the error of the loader, whatever staleIfError does with it', async () => {
    const staleIfError = (): boolean => {
      throw new TypeError('of the user');
    };
    const early = b.getOrSet('inner', notFound).catch(() => 'none');
    await turn();
    const asked = pageOf(() => b.getOrSet('inner', () => 'row', { staleIfError }));
    await expect(asked).rejects.toThrow(NotFoundException);
    await early;
  });

  it('is none, without a second load that waits for a place which is lent, where no cache vouches for what is near', async () => {
    const alone = await buildCache({ store: faulty.store, clock, coherence: false, maxConcurrentLoads: 1 });
    const asked: Promise<unknown>[] = [];
    const page = alone.getOrSet('outer', async () => {
      await gate;
      return `page of ${await alone.getOrSet('inner', () => undefined)}`;
    });
    await turn();
    asked.push(alone.getOrSet('inner', () => undefined));
    await turn();
    open();
    expect(await page).toBe('page of undefined');
    expect(await Promise.all(asked)).toEqual([undefined]);
    await alone.close();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['expireTags', () => a.expireTags('t')],
    ['expire', () => a.expire('inner')],
    ['delete', () => a.deleteMany(['inner', 'outer'])],
  ])('is judged where that is a refresh, after %s', async (_, invalidate) => {
    let row = 'old';
    await a.set('inner', row, stale);
    await a.expire('inner');
    const read = async (): Promise<string> => {
      const seen = row;
      await gate;
      return seen;
    };
    expect(await b.getOrSet('inner', read, stale)).toBe('old');
    await turn();
    row = 'new';
    await invalidate();
    expect(await pageOf(() => b.getOrSet('inner', () => row, stale))).toBe('page of new');
    expect(await a.get('outer')).toBe('page of new');
  });

  it('is a refresh, and joined, where nothing was invalidated since', async () => {
    await refreshUnderWay();
    expect(await pageOf(() => b.getOrSet('inner', () => 'loaded twice', stale))).toBe('page of refreshed');
    expect(await a.get('outer')).toBe('page of refreshed');
  });

  it('is a refresh that can’t be judged: what is made of it is not kept', async () => {
    await refreshUnderWay();
    faulty.down = '~feed';
    expect(await pageOf(() => b.getOrSet('inner', () => 'loaded twice', stale))).toBe('page of refreshed');
    faulty.down = undefined;
    expect(await a.get('outer')).toBeUndefined();
  });

  it.each<[string, (life: EntryOptions<string>) => Promise<string>]>([
    ['one', (life) => b.getOrSet('inner', () => 'row', life)],
    ['many', async (life) => `${(await b.getOrSetMany(['inner'], () => [['inner', 'row']], life))[0]}`],
  ])('is no value that is stale when it lands, for %s', async (_, again) => {
    const life = { ttl: '10s', staleFor: '1h' } as const;
    const early = b.getOrSet('inner', async () => (await gate, 'got old'), life);
    await turn();
    await clock.advance('11s');
    expect(await pageOf(() => again(life))).toBe('page of row');
    expect(await early).toBe('got old');
    expect(await a.get('outer')).toBe('page of row');
  });

  it.each<[string, EntryOptions<string>, string | undefined]>([
    ['is none', {}, undefined],
    ['is kept by the request alone', { ttl: 0 }, 'part'],
    ['was turned down by cacheIf', { cacheIf: () => false }, 'part'],
  ])('is not built on for others where it was made of a stale part and %s', async (_, options, made) => {
    await a.set('part', 'old', stale);
    await a.expire('part');
    const down = () => b.getOrSet<string>('part', () => Promise.reject(new Error('down')), stale);
    const inner = () => b.getOrSet('inner', async () => ((await down()) === 'old' ? made : 'never'), options);
    expect(await b.getOrSet('outer', async () => `page of ${await inner()}`)).toBe(`page of ${made}`);
    expect(await a.get('outer')).toBeUndefined();
  });
});

describe('Whoever asks after a tag was invalidated that only the loader knows', () => {
  let cache: TieredCache;
  let row: string;
  let open: () => void;
  let gate: Promise<void>;
  let loads: number;
  beforeEach(async () => {
    cache = await buildCache({});
    [row, loads] = ['old', 0];
    gate = new Promise((resolve) => (open = resolve));
  });
  afterEach(() => cache.close());

  /** Reads the row, and goes on when the gate is open. */
  const slow = async (): Promise<string> => {
    loads++;
    const seen = row;
    await gate;
    return seen;
  };
  type Ask = () => Promise<unknown>;
  const asks: [string, Ask][] = [
    ['early', () => cache.getOrSet('page', async ({ tag }) => (tag('t'), slow()))],
    [
      'late',
      () =>
        cache.getOrSet('page', async ({ tag }) => {
          const seen = await slow();
          tag('t');
          return seen;
        }),
    ],
    [
      'for many keys',
      async () => {
        const one = async (): Promise<[string, string][]> => [['page', await slow()]];
        const [page] = await cache.getOrSetMany(['page'], async (_, { tag }) => (tag('t'), one()));
        return page;
      },
    ],
    [
      'by what it read through the cache',
      () =>
        cache.getOrSet(
          'page',
          async () => {
            await cache.getOrSet('part', () => 'part', { tags: ['t'] });
            return slow();
          },
          { inheritTags: true },
        ),
    ],
    [
      'of what there is none of',
      async () => {
        const none = async (): Promise<string | undefined> => ((await slow()) === 'old' ? undefined : 'new');
        return (await cache.getOrSet('page', async ({ tag }) => (tag('t'), none()))) ?? 'old';
      },
    ],
    [
      'of what there is none of, says an error',
      async () => {
        const none = async (): Promise<string> => {
          if ((await slow()) === 'old') throw new NotFoundException();
          return 'new';
        };
        return cache.getOrSet('page', async ({ tag }) => (tag('t'), none())).catch(() => 'old');
      },
    ],
  ];

  it.each(asks)('joins no load of before: it was named %s', async (_, ask) => {
    const early = ask();
    await turn();
    row = 'new';
    expect(await cache.invalidateTags('t')).toBe(true);
    const late = ask();
    await turn();
    open();
    expect([await early, await late]).toEqual(['old', 'new']);
    expect(await ask()).toBe('new');
  });

  it.each(asks)('joins a load of before where another tag was invalidated: its own was named %s', async (_, ask) => {
    row = 'new';
    const early = ask();
    await turn();
    expect(await cache.invalidateTags('u')).toBe(true);
    const late = ask();
    await turn();
    open();
    expect([await early, await late, loads]).toEqual(['new', 'new', 1]);
  });
});

describe('Whoever joins a load whose tags are invalidated more often than it takes', () => {
  let clock: FakeClock;
  let cache: TieredCache;
  let gates: (() => void)[];
  beforeEach(async () => {
    cache = await buildCache({ clock: (clock = new FakeClock()), store: undefined });
    gates = [];
  });
  afterEach(() => cache.close());

  /** Ends when its gate is opened. */
  const load = async ({ tag }: { readonly tag: (...tags: string[]) => void }): Promise<string> => {
    tag('t');
    await new Promise<void>((resolve) => gates.push(resolve));
    return 'loaded';
  };
  const ask = (): Promise<unknown> => cache.getOrSet('page', load);
  const untilRefreshed = { ttl: '1h', staleFor: '1h', timeout: { soft: '1h' } } as const;
  const refreshed = (): Promise<unknown> => cache.getOrSet('page', load, untilRefreshed);

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['one', ask, ask],
    ['many', ask, async () => (await cache.getOrSetMany(['page'], async () => [['page', 'another']]))[0]],
    ['a loader', ask, () => cache.getOrSet('outer', ask)],
    ['whoever waits for a refresh', refreshed, refreshed],
  ])('is answered by one that began since it asked (%s)', async (_, others, lateOne) => {
    await cache.set('page', 'stale', untilRefreshed);
    if (others === refreshed) await cache.expire('page');
    else await cache.delete('page');
    const asked: Promise<unknown>[] = [others()];
    await turn();
    await cache.invalidateTags('u');
    let answer: unknown;
    const late = lateOne().then((told) => (answer = told));
    for (const _again of [2, 3]) {
      await turn();
      await cache.invalidateTags('t');
      asked.push(others());
      await turn();
      await cache.invalidateTags('u');
      gates[asked.length - 2]?.();
      await turn();
    }
    const told = answer;
    gates[2]?.();
    await Promise.all([...asked, late]);
    expect(gates.length).toBe(3);
    expect(told).toBe('loaded');
  });

  it('waits for two of them no longer than timeout.hard', async () => {
    const early = ask();
    await turn();
    await cache.invalidateTags('u');
    let told: unknown;
    const late = cache.getOrSet('page', load, { timeout: { hard: '10s' } }).catch((error: unknown) => (told = error));
    await clock.advance('6s');
    await cache.invalidateTags('t');
    gates[0]?.();
    await turn();
    await clock.advance('4s');
    expect(told).toMatchObject({ code: 'LOAD_TIMEOUT', timeoutMs: 10_000 });
    gates[1]?.();
    await Promise.all([early, late]);
  });

  it('waits for no second one where the first took longer than it may', async () => {
    const early = ask().catch(() => 'too late');
    await turn();
    await cache.invalidateTags('u');
    const late = ask();
    late.catch(() => {});
    await cache.invalidateTags('t');
    await clock.advance('30s');
    await expect(late).rejects.toMatchObject({ code: 'LOAD_TIMEOUT', limit: 'maxLoad' });
    expect([await early, gates.length]).toEqual(['too late', 1]);
  });
});
