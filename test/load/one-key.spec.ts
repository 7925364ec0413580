import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import type { Codec } from '../../src/codec/codec.js';
import { json } from '../../src/codec/json.js';
import { text } from '../../src/codec/text.js';
import { sinceLastUsed } from '../../src/catalogue/lives/since.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { faultyStore } from '../../src/testing/faulty-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import type { LoadTimeoutError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { startMemcached } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { recordEvents } from '../support/recorded-events.js';
import { shardWith } from '../support/shard-with.js';
import { ScriptedFleet } from '../support/simulation/scripted-fleet.js';
import { storeBehind } from '../../src/origin/shard-behind.js';

const life = { ttl: '1h' } as const;
const scope = new RequestScope();
let clock: FakeClock;
let shared: Store;
let faulty: FaultyStore;
const caches: TieredCache[] = [];
async function opened(...[configuration]: Parameters<typeof buildCache>): Promise<TieredCache> {
  const cache = await buildCache({ clock, scope, store: shared, ...configuration });
  caches.push(cache);
  await cache.lookup('anything');
  return cache;
}

beforeEach(() => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  faulty = new FaultyStore(shared);
});
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

const never = (): never => {
  throw new Error('it was loaded');
};
const fails = (status: number): never => {
  throw Object.assign(new Error('the source has failed'), { status });
};

describe('A source that has none of a key', () => {
  it('is no reason to tell anybody, where there was none before', async () => {
    const [here, there] = [await opened({ name: 'here', store: faulty.store }), await opened({ name: 'there' })];
    const events = recordEvents('invalidated');
    faulty.commands.splice(0);
    expect(await here.getOrSet('k', () => undefined, life)).toBeUndefined();
    expect(faulty.commands.filter((command) => command.startsWith('invalidate'))).toEqual([]);
    await clock.advance('2s');
    expect(events.all).toEqual([]);
    expect(await there.getOrSet('k', () => 'there', life)).toBe('there');
    events.stop();
  });

  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['asked because it is to be refreshed', (cache) => cache.refresh('k', () => undefined, life)],
    [
      'asked because a miss is forced',
      (cache) => scope.run(() => (scope.forceMiss(), cache.getOrSet('k', () => undefined, life))),
    ],
  ])('takes away what everybody holds, %s', async (_, ask) => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    await here.set('k', 'old', life);
    await clock.advance('2s'); // what is near from here on is named by nothing before
    expect(await there.get('k')).toBe('old');
    await clock.advance('2s');
    expect(there.peek('k')).toBe('old');
    expect(await ask(here)).toBeUndefined();
    expect(here.peek('k')).toBeUndefined();
    expect(await here.get('k')).toBeUndefined();
    await clock.advance('2s');
    expect(there.peek('k')).toBeUndefined();
    expect(await there.get('k')).toBeUndefined();
  });

  it('takes away what is near of a key that no store holds', async () => {
    const cache = await opened({ store: undefined });
    await cache.set('k', 'old', life);
    expect(await cache.refresh('k', () => undefined, life)).toBeUndefined();
    expect(cache.peek('k')).toBeUndefined();
  });

  it('takes away what is stale, once that has been refreshed', async () => {
    const cache = await opened({});
    const stale = { ttl: '10s', staleFor: '1h' } as const;
    await cache.set('k', 'old', stale);
    await clock.advance('11s');
    expect(await cache.getOrSet<string | undefined>('k', () => undefined, stale)).toBe('old');
    await clock.advance(1);
    expect(await cache.get('k')).toBeUndefined();
  });
});

/** 1. A load begins where the store holds nothing; 2. a value is set, and acknowledged; 3. the load ends: there is none, or it is for its request alone. */
describe('A load that keeps nothing', () => {
  it.each<[string, string | undefined, EntryOptions<string | undefined>]>([
    ['finds none', undefined, life],
    ['brings what is for its request alone', 'loaded', { ttl: () => 0 }],
    ['is for its request alone from the start', 'loaded', { ttl: 0 }],
  ])('leaves what was set while it was loaded: it %s', async (_, brought, options) => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    const load = async (): Promise<string | undefined> => {
      expect(await here.set('k', 'set', life)).toBe(true);
      return brought;
    };
    expect(await here.getOrSet('k', load, options)).toBe(brought);
    expect(await here.get('k')).toBe('set');
    expect(await there.get('k')).toBe('set');
  });

  it.each<[string, () => string | undefined, EntryOptions<string | undefined>]>([
    ['finds none', () => undefined, {}],
    ['is told that there is none', () => fails(404), {}],
    ['brings what is for its request alone', () => 'loaded', { ttl: () => 0 }],
  ])('leaves what another process set while it refreshed what only this one holds: it %s', async (_, brings, more) => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there', process: false })];
    const stale = { ttl: '10s', staleFor: '1h' } as const;
    await here.set('k', 'stale', stale);
    await clock.advance('11s');
    await shared.shards[0].remove(here.storeKey('k'));
    const load = async (): Promise<string | undefined> => {
      expect(await there.set('k', 'set', life)).toBe(true);
      return brings();
    };
    expect(await here.getOrSet('k', load, { ...stale, ...more })).toBe('stale');
    await clock.advance('2s');
    expect(await there.get('k')).toBe('set');
    expect(await here.get('k')).toBe('set');
  });
});

describe('A caller who waits for no longer than timeout.hard', () => {
  it('leaves nothing behind with the clock when it is answered in time, or has left', async () => {
    let abandoned: [AbortController, Promise<unknown>] | undefined;
    const cache = await opened({});
    const before = clock.waiting;
    const limited = { ...life, maxLoad: '1m', timeout: { hard: '10s' } } as const;
    expect(await cache.getOrSet('a', () => 'in time', limited)).toBe('in time');
    await turn();
    expect(clock.waiting).toBe(before);
    const begun = new Promise<void>((resolve) => {
      const leaving = new AbortController();
      const hangs = (): Promise<never> => (resolve(), new Promise(() => {}));
      const left = cache.getOrSet('b', hangs, { ...limited, signal: leaving.signal });
      left.catch(() => {});
      abandoned = [leaving, left];
    });
    await begun;
    const waiting = clock.waiting;
    const [leaving, left] = abandoned as [AbortController, Promise<unknown>];
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(clock.waiting).toBe(waiting - 1);
  });
});

describe('A LoadTimeoutError', () => {
  const never = (): Promise<never> => new Promise(() => {});
  async function given(options: EntryOptions, own: Parameters<typeof buildCache>[0] = {}): Promise<unknown> {
    const cache = await opened(own);
    // Where only one load runs at a time, this one has the place.
    if (own.maxConcurrentLoads) void cache.getOrSet('first', never, { maxLoad: '90s' }).catch(() => {});
    await clock.advance(0);
    const error = cache.getOrSet('k', never, options).catch((thrown: unknown) => thrown);
    await clock.advance('2m');
    return error;
  }

  it.each<[string, EntryOptions, Parameters<typeof buildCache>[0], object]>([
    ['timeout.hard', { timeout: { hard: '2s' } }, {}, { limit: 'timeout.hard', timeoutMs: 2_000 }],
    ['maxLoad', {}, {}, { limit: 'maxLoad', timeoutMs: 30_000 }],
    ['maxLoad, before timeout.hard', { maxLoad: '10s', timeout: { hard: '1m' } }, {}, { limit: 'maxLoad' }],
    ['timeout.hard, in a queue', { timeout: { hard: '1m' } }, { maxConcurrentLoads: 1 }, { limit: 'timeout.hard' }],
    ['maxLoad, in a queue', {}, { maxConcurrentLoads: 1 }, { limit: 'maxLoad', timeoutMs: 30_000 }],
  ])('names the limit that was reached, and asks to raise that: %s', async (_, options, own, told) => {
    const error = await given(options, own);
    expect(error).toMatchObject({ code: 'LOAD_TIMEOUT', key: 'k', ...told });
    const { limit, timeoutMs, message } = error as LoadTimeoutError;
    expect(message).toContain(`k: not loaded within ${timeoutMs} ms (${limit}). Raise ${limit},`);
  });
});

describe('A caller who waits for what other processes load', () => {
  const hangs = (): Promise<never> => new Promise(() => {});
  it.each<[string, (cache: TieredCache, load: () => Promise<never>) => Promise<unknown>]>([
    ['one', (cache, load) => cache.getOrSet('k', load, life)],
    ['many', (cache, load) => cache.getOrSetMany(['k', 'l'], load, life)],
  ])('waits no longer than maxLoad, where timeout.hard is not given (%s)', async (_, ask) => {
    let loads = 0;
    const load = (): Promise<never> => (loads++, hangs());
    const processes = [await opened({ name: 'a' }), await opened({ name: 'b' }), await opened({ name: 'c' })];
    const asked = processes.map((cache) => ask(cache, load).catch((error: unknown) => error));
    await turn();
    await clock.advance('30s');
    const tooLong = { code: 'LOAD_TIMEOUT', limit: 'maxLoad', timeoutMs: 30_000 };
    expect(await Promise.all(asked)).toMatchObject([tooLong, tooLong, tooLong]);
    expect(loads).toBe(1);
    expect(await processes[1]?.getOrSet('k', () => 'loaded', life)).toBe('loaded');
  });

  it('is told which key was late, among those that were found', async () => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    const longer = { ...life, maxLoad: '10m' } as const;
    const found = there.getOrSet('x', () => clock.sleep(10_000).then(() => 'found'), longer);
    there.getOrSet('y', hangs, longer).catch(() => {});
    await turn();
    const asked = here.getOrSetMany(['x', 'y'], never, life).catch((error: unknown) => error);
    await turn();
    await clock.advance('30s');
    expect(await found).toBe('found');
    expect(await asked).toMatchObject({ code: 'LOAD_TIMEOUT', key: 'y' });
    await clock.advance('10m');
  });

  it('is told timeout.hard where that is longer than maxLoad', async () => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    there.getOrSet('k', hangs, { ...life, maxLoad: '10m' }).catch(() => {});
    await turn();
    const asked = here.getOrSet('k', never, { ...life, timeout: { hard: '1m' } }).catch((error: unknown) => error);
    await turn();
    await clock.advance('1m');
    expect(await asked).toMatchObject({ code: 'LOAD_TIMEOUT', limit: 'timeout.hard', timeoutMs: 60_000 });
    await clock.advance('10m');
  });

  const one = (cache: TieredCache, load: () => Promise<string>): Promise<unknown> => cache.getOrSet('k', load, life);
  const many = async (cache: TieredCache, load: () => Promise<string>): Promise<unknown> =>
    (await cache.getOrSetMany(['k'], async () => [['k', await load()]], life))[0];
  const inLoader = (cache: TieredCache, load: () => Promise<string>): Promise<unknown> =>
    cache.getOrSet('outer', async () => one(cache, load), { ...life, maxLoad: '90s' });
  it.each([
    ['one', one, one],
    ['many', many, many],
    ['one, then a loader', one, inLoader],
  ])('waits as long as the first one where it came later (%s)', async (_, first, later) => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    const elsewhere = there.getOrSet('k', () => clock.sleep(31_000).then(() => 'loaded'), { ...life, maxLoad: '60s' });
    await turn();
    const asked = [first, first].map((ask) => ask(here, hangs).catch((error: LoadTimeoutError) => error.code));
    await turn();
    await clock.advance('29s');
    const late = later(here, hangs);
    late.catch(() => {});
    await clock.advance('1s');
    expect(await Promise.all(asked)).toEqual(['LOAD_TIMEOUT', 'LOAD_TIMEOUT']);
    await clock.advance('2s');
    expect(await Promise.all([late, elsewhere])).toEqual(['loaded', 'loaded']);
  });

  it('waits no longer than the first one where it came later', async () => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    there.getOrSet('k', hangs, { ...life, maxLoad: '10m' }).catch(() => {});
    await turn();
    one(here, never).catch(() => {});
    await turn();
    await clock.advance('29s');
    let told: unknown;
    one(here, never).catch((error: unknown) => (told = error));
    await clock.advance(29_999);
    expect(told).toBeUndefined();
    await clock.advance(1);
    expect(told).toMatchObject({ code: 'LOAD_TIMEOUT', timeoutMs: 30_000 });
    await clock.advance('10m');
  });

  it('is given what came in at the last moment', async () => {
    const [here, there] = [await opened({ name: 'here' }), await opened({ name: 'there' })];
    const early = there.getOrSet('k', () => clock.sleep(29_999).then(() => 'loaded'), life);
    await turn();
    const late = here.getOrSet('k', never, life);
    await turn();
    await clock.advance('30s');
    expect(await Promise.all([early, late])).toEqual(['loaded', 'loaded']);
  });
});

describe('A caller whose process holds a copy that nobody has vouched for of late', () => {
  it.each<[string, (cache: TieredCache) => Promise<unknown>]>([
    ['one', (cache) => cache.getOrSet('k', never, life)],
    ['many', async (cache) => (await cache.getOrSetMany(['k'], never, life))[0]],
  ])('is served that after one reading of the feed, and the store is not asked for it (%s)', async (_, ask) => {
    const cache = await opened({ store: faulty.store, coherence: { interval: '10s', blindFor: 0 } });
    await cache.set('k', 'old', life);
    faulty.down = '~feed';
    await clock.advance('11s');
    expect(cache.peek('k')).toBeUndefined();
    faulty.down = undefined;
    faulty.commands.splice(0);
    expect(await ask(cache)).toBe('old');
    expect(faulty.commands).toEqual(['readFeed test~feed']);
  });

  it.each(['one', 'many'])('waits no longer for the feed than for a load (%s)', async (kind) => {
    const store = faultyStore(memoryStore({ clock }));
    const cache = await opened({ store, coherence: { interval: '10s', blindFor: 0 } });
    const ask = (options: EntryOptions<string>): Promise<unknown> =>
      kind === 'one'
        ? cache.getOrSet('k', never, { ...life, ...options })
        : cache.getOrSetMany(['k', 'other'], never, { ...life, ...options });
    await cache.set('k', 'old', life);
    await store.during('hangs', async () => {
      await clock.advance('11s');
      expect(cache.peek('k')).toBeUndefined();
      const leaving = new AbortController();
      const late = expect(ask({ timeout: { hard: 50 } })).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
      const left = expect(ask({ signal: leaving.signal })).rejects.toThrow('left');
      leaving.abort(new Error('left'));
      await left;
      await clock.advance(50);
      await late;
    });
    expect(await cache.getOrSet('k', never, life)).toBe('old');
  });

  it.each(['one', 'many'])('has what is left of timeout.hard for the load, after the feed (%s)', async (kind) => {
    const held = memoryStore({ clock });
    const store = faultyStore(held);
    const cache = await opened({ store, coherence: { interval: '10s', blindFor: 0 } });
    const other = await opened({ name: 'other', store: held });
    const limited = { ...life, timeout: { hard: 50 } };
    let begun = 0;
    const load = async (): Promise<never> => {
      begun++;
      await clock.sleep(1_000);
      throw new Error('nobody waits any more');
    };
    await cache.set('k', 'old', life);
    let told: unknown;
    await store.during('hangs', async () => {
      await clock.advance('11s');
      await other.delete('k');
      const asked = kind === 'one' ? cache.getOrSet('k', load, limited) : cache.getOrSetMany(['k'], load, limited);
      asked.catch((error: unknown) => (told = error));
      await clock.advance(40);
    });
    await eventually(() => expect(begun).toBe(1));
    expect(told).toBeUndefined();
    await clock.advance(10);
    expect(told).toMatchObject({ code: 'LOAD_TIMEOUT', limit: 'timeout.hard' });
    await clock.advance('1s');
  });

  it.each<[string, Parameters<typeof buildCache>[0], object]>([
    ['maxLoad where loads wait for their turn', { maxConcurrentLoads: 1 }, { code: 'LOAD_TIMEOUT', limit: 'maxLoad' }],
    ['nothing where they do not', {}, { message: 'left' }],
  ])('is told %s, without timeout.hard', async (_, own, told) => {
    const store = faultyStore(memoryStore({ clock }));
    const cache = await opened({ store, coherence: { interval: '10s', blindFor: 0 }, ...own });
    await cache.set('k', 'old', life);
    await store.during('hangs', async () => {
      await clock.advance('11s');
      const leaving = new AbortController();
      const options = { ...life, maxLoad: 50, signal: leaving.signal };
      const asked = cache.getOrSet('k', never, options).catch((error: unknown) => error);
      await clock.advance(50);
      leaving.abort(new Error('left'));
      expect(await asked).toMatchObject(told);
    });
  });
});

describe('A caller who waits for a refresh no longer than timeout.soft', () => {
  it.each<[string, 'readFeed' | 'readOrStub', boolean, { hard?: number }]>([
    ['after a reading of the feed', 'readFeed', true, { hard: 50 }],
    ['after a reading of the store', 'readOrStub', false, { hard: 50 }],
    ['after a reading of the feed, without timeout.hard', 'readFeed', true, {}],
    ['after a reading of the store, without timeout.hard', 'readOrStub', false, {}],
  ])('waits no longer than that in all, %s', async (_, slow, process, hard) => {
    let held = Promise.resolve();
    const store = storeBehind(shared, (shard) => {
      const late = async (...asked: [never, never]): Promise<unknown> => {
        await held;
        return shard[slow]?.(...asked);
      };
      return shardWith(shard, { [slow]: late, readInto: undefined, readNow: undefined });
    });
    const cache = await opened({ store, coherence: { interval: '10s', blindFor: 0 }, ...(!process && { process }) });
    const stale = { ttl: '1s', staleFor: '1h' } as const;
    await cache.set('k', 'old', stale);
    let answer = (): void => {};
    held = new Promise((resolve) => (answer = resolve));
    await clock.advance('11s');
    const load = (): Promise<string> => clock.sleep(1_000).then(() => 'new');
    let told: unknown;
    const asked = cache.getOrSet('k', load, { ...stale, timeout: { soft: 40, ...hard } });
    asked.then((value) => (told = value)).catch((error: unknown) => (told = error));
    await clock.advance(45);
    expect(told).toBeUndefined();
    answer();
    await eventually(() => expect(told).toBe('old'), { withinMs: 5_000 });
    await clock.advance('2s');
  });
});

describe('A loader that joins a look-up of before its load', () => {
  it.each<[string, (cache: TieredCache) => Promise<boolean>, () => string]>([
    ['deleted, which it loads', (cache) => cache.delete('inner'), () => 'new'],
    ['set, which it is given', (cache) => cache.set('inner', 'new', life), never],
  ])(
    'is not given what was there before, where nobody here has heard of this yet: it was %s',
    async (_, change, load) => {
      const fleet = new ScriptedFleet();
      const [a, b] = [await fleet.process('A', { process: false }), await fleet.process('B')];
      await fleet.done(b.cache.set('inner', 'old', life));
      const early = a.cache.getOrSet('inner', never, life);
      await fleet.deliver(/^A -> /);
      expect(await fleet.done(change(b.cache), /^B/)).toBe(true);
      const outer = a.cache.getOrSet(
        'outer',
        async () => `page with ${await a.cache.getOrSet('inner', load, life)}`,
        life,
      );
      await fleet.deliverAll(/^A .*outer/);
      expect(await fleet.done(outer)).toBe('page with new');
      expect(await early).toBe('old');
      expect(await fleet.done(b.cache.get('outer'))).toBe('page with new');
      await fleet.close();
    },
  );

  it.each<[string, string | undefined, number]>([
    ['names nothing since: the store is asked once', undefined, 1],
    ['can’t be read: the store is asked again', '~feed', 2],
  ])('is given it, and its load is not repeated, where the feed %s', async (_, down, questions) => {
    const cache = await opened({ store: faulty.store, process: false });
    let loads = 0;
    let finish = (): void => {};
    const inner = (): Promise<string> =>
      cache.getOrSet(
        'inner',
        () => {
          loads++;
          return new Promise<string>((resolve) => (finish = () => resolve('part')));
        },
        life,
      );
    const early = inner();
    await turn();
    const outer = cache.getOrSet('outer', async () => `page with ${await inner()}`, life);
    await turn();
    faulty.down = down;
    finish();
    expect([await early, await outer, loads]).toEqual(['part', 'page with part', 1]);
    expect(faulty.commands.filter((command) => /^readOrStub .*inner$/.test(command))).toHaveLength(questions);
    faulty.down = undefined;
  });
});

describe('A loader that joins a look-up, and waits for the feed before it is given what that has brought', () => {
  const left = { message: 'left' };
  it.each<[string, EntryOptions<string>, (leaving: AbortController) => Promise<unknown>, object]>([
    ['timeout.hard', { timeout: { hard: 50 } }, () => clock.advance(10), { code: 'LOAD_TIMEOUT', key: 'part' }],
    ['its signal', {}, async (leaving) => (leaving.abort(new Error('left')), clock.advance(0)), left],
  ])('waits no longer than %s allows', async (_, limits, end, reason) => {
    const store = faultyStore(memoryStore({ clock }));
    const cache = await opened({ store });
    const leaving = new AbortController();
    const limited = { ...life, ...limits, signal: leaving.signal };
    const part = cache.getOrSet('part', () => clock.sleep(40).then(() => 'part'), life);
    await turn();
    let told: unknown;
    cache
      .getOrSet('whole', () => cache.getOrSet('part', never, limited), life)
      .catch((error: unknown) => (told = error));
    await turn();
    await store.during(
      'hangs',
      () =>
        clock.advance(40).then(async () => {
          expect(await part).toBe('part');
          expect(told).toBeUndefined();
          await end(leaving);
          expect(told).toMatchObject(reason);
        }),
      ['readFeed'],
    );
  });

  it('is told the error of that look-up at the end of timeout.hard, and is not kept', async () => {
    const store = faultyStore(memoryStore({ clock }));
    const cache = await opened({ store });
    const limited = { ...life, timeout: { hard: 50 } };
    const missing = Object.assign(new Error('no part'), { status: 404 });
    const part = cache.getOrSet('part', () => clock.sleep(40).then(() => Promise.reject(missing)), life);
    const failed = expect(part).rejects.toBe(missing);
    await turn();
    let told: unknown;
    const whole = cache.getOrSet(
      'whole',
      () =>
        cache.getOrSet('part', never, limited).catch((error: unknown) => {
          told = error;
          return 'whole without part';
        }),
      life,
    );
    await turn();
    const waiting = async (): Promise<void> => {
      await clock.advance(40);
      await failed;
      expect(told).toBeUndefined();
      await clock.advance(10);
      expect(told).toMatchObject({ status: 404 });
    };
    await store.during('hangs', waiting, ['readFeed']);
    await clock.advance('1s');
    expect(await whole).toBe('whole without part');
    expect(await cache.getOrSet('whole', () => 'again', life)).toBe('again');
  });

  it('has what is left of timeout.hard for a load of its own, where the feed can’t be read', async () => {
    const store = faultyStore(memoryStore({ clock }));
    const cache = await opened({ store });
    const limited = { ...life, timeout: { hard: 50 } };
    const part = cache.getOrSet('part', () => clock.sleep(20).then(() => 'part'), { ...life, cacheIf: () => false });
    await turn();
    let told: unknown;
    const load = () => clock.sleep(100).then(() => 'own');
    cache
      .getOrSet('whole', () => cache.getOrSet('part', load, limited), life)
      .catch((error: unknown) => (told = error));
    await turn();
    await store.during('throws', () => clock.advance(49), ['readFeed']);
    expect(await part).toBe('part');
    expect(told).toBeUndefined();
    await clock.advance(1);
    expect(told).toMatchObject({ code: 'LOAD_TIMEOUT', key: 'part' });
    await clock.advance('1s');
  });
});

describe('A load that takes longer than its value is fresh', () => {
  const short = { ttl: '1s', staleFor: '1h' } as const;
  let loads = 0;
  const load = async (): Promise<number> => {
    await clock.advance('2s');
    return ++loads;
  };
  beforeEach(() => void (loads = 0));

  it('is the answer of who waited for it, and is not repeated', async () => {
    const cache = await opened({});
    expect(await cache.getOrSet('k', load, short)).toBe(1);
    await clock.advance(1);
    expect(loads).toBe(1);
  });

  it('is answered, and not stored, where it is over to the millisecond', async () => {
    const cache = await opened({});
    const refused = recordEvents('loadRefused');
    expect(await cache.getOrSet('k', load, { ttl: '2s' })).toBe(1);
    refused.stop();
    expect(refused.of('loadRefused')).toMatchObject([{ key: 'k', reason: 'expired' }]);
  });

  it('is repeated for a loader, which is given nothing stale while that can be helped', async () => {
    const cache = await opened({});
    expect(await cache.getOrSet('outer', async () => `page with ${await cache.getOrSet('k', load, short)}`, life)).toBe(
      'page with 2',
    );
  });
});

describe('An entry that lies where it can be read at once', () => {
  /** Each use of it for as long as it is used. */
  async function usedEvery(seconds: number, options: EntryOptions<string>): Promise<unknown> {
    const cache = await opened({ process: false });
    await cache.getOrSet('k', () => 'stays', options);
    for (let use = 0; use < 3; use++) {
      await clock.advance(seconds * 1_000);
      const found = await cache.getOrSet('k', () => 'loaded again', options);
      if (found !== 'stays') return found;
    }
    return 'stays';
  }
  const sliding = { ttl: sinceLastUsed('10s', { maxAge: '1h' }) };

  it('slides with its uses', async () => {
    expect(await usedEvery(9, sliding)).toBe('stays');
    expect(await usedEvery(11, { ...sliding, version: 2 })).toBe('loaded again');
  });

  it('is the answer also where the store can’t prolong it', async () => {
    const touch = (): Promise<never> => Promise.reject(new StoreUnavailableError('the store', 'it is not written to'));
    const store = storeBehind(shared, (shard) => shardWith(shard, { touch }));
    const cache = await opened({ process: false, store, defaults: sliding });
    await cache.set('k', 'stays');
    for (const use of [
      () => cache.getOrSet('k', never),
      () => cache.get('k'),
      () => cache.getOrSetMany(['k'], never).then(([value]) => value),
      () => cache.getMany(['k']).then(([found]) => found?.hit === true && found.value),
    ])
      expect(await use()).toBe('stays');
  });

  it('slides on memcached for no less than it says, and stays the same item', async () => {
    const server = await startMemcached();
    try {
      const store = memcachedStore({ servers: server.address, ...patience });
      const defaults = { ttl: sinceLastUsed('20s', { maxAge: '1h' }) };
      const cache = await opened({ process: false, store, defaults });
      const stored = async (): Promise<{ left: number; revision: number }> => {
        const [, left, revision] = / t(\d+) c(\d+)/.exec(await server.command(`mg ${cache.storeKey('k')} t c`)) ?? [];
        return { left: Number(left), revision: Number(revision) };
      };
      await cache.set('k', 'stays');
      const { revision } = await stored();
      for (const use of [
        () => cache.getOrSet('k', never),
        () => cache.get('k'),
        () => cache.getOrSetMany(['k'], never),
      ]) {
        await use();
        const used = await stored();
        expect(used.left).toBeGreaterThan(20);
        expect(used.revision).toBe(revision);
      }
      await caches.pop()?.close();
    } finally {
      await server.stop();
    }
  });

  it.each([
    ['in the middle of its life', '1d'],
    ['shortly before its maximum age', '20m'],
  ] as const)('is replaced by a refresh while it is used, on memcached, %s', async (_, maxAge) => {
    const server = await startMemcached();
    try {
      const defaults = { ttl: sinceLastUsed('20m', { maxAge }) };
      const use = async (name: string): Promise<TieredCache> =>
        opened({ name, process: false, store: memcachedStore({ servers: server.address, ...patience }), defaults });
      const [cache, other] = [await use('here'), await use('there')];
      await cache.set('k', 'old');
      await clock.advance('5m');
      const load = async (): Promise<string> => {
        expect(await other.get('k')).toBe('old');
        expect(await other.getOrSet('k', never)).toBe('old');
        return 'new';
      };
      expect(await cache.refresh('k', load)).toBe('new');
      expect(await other.get('k')).toBe('new');
      await Promise.all(caches.splice(0).map((one) => one.close()));
    } finally {
      await server.stop();
    }
  });

  it.each([0, 5])('slides no further than before where a refresh has failed after %d s', async (seconds) => {
    const cache = await opened({ process: false });
    await cache.set('k', 'set', sliding);
    const load = async (): Promise<never> => {
      for (let second = 0; second < seconds; second++) await clock.advance('1s');
      return fails(500);
    };
    await expect(cache.refresh('k', load, sliding)).rejects.toThrow('the source has failed');
    await clock.advance('11s');
    expect(await cache.get('k')).toBeUndefined();
  });

  it.each(['10s', '500ms'] as const)(
    'is replaced by a refresh that takes longer than it lives unused: %s',
    async (idle) => {
      const short = { ttl: sinceLastUsed(idle, { maxAge: '1h' }) };
      const cache = await opened({ process: false });
      await cache.set('k', 'old', short);
      const load = async (): Promise<string> => {
        for (let second = 0; second < 20; second++) await clock.advance('1s');
        return 'new';
      };
      expect(await cache.refresh('k', load, short)).toBe('new');
      expect(await cache.get('k')).toBe('new');
    },
  );

  it('ends with its tag', async () => {
    const [cache, other] = [await opened({ process: false }), await opened({ name: 'other' })];
    const tagged = { ...life, tags: ['t'] };
    await cache.getOrSet('k', () => 'old', tagged);
    await other.invalidateTags('t');
    expect(await cache.getOrSet('k', () => 'new', tagged)).toBe('new');
  });
});

describe('A value that its codec decodes once, and not again', () => {
  it('is an error, and no look-up without an end', async () => {
    let decodes = Infinity;
    const plain = json();
    const codec: Codec<unknown> = {
      name: 'once',
      isolations: ['clone'],
      encode: (value) => plain.encode(value),
      decode: (payload) => {
        if (--decodes < 0) throw new Error('not again');
        return plain.decode(payload);
      },
    };
    const own = { ...life, codec };
    const cache = await opened({ store: faulty.store, process: false });
    await cache.set('k', { n: 1 }, own);
    expect(await cache.getOrSet('k', never, own)).toEqual({ n: 1 });
    decodes = 1;
    await expect(cache.getOrSet('k', () => ({ n: 2 }), own)).rejects.toThrow('not again');
  });
});

describe('A store without atomic operations', () => {
  it('is read before anything is loaded, key by key and in bulk', async () => {
    const plain = storeBehind(shared, (shard) => shard);
    const store: Store = { ...plain, capabilities: { ...plain.capabilities, atomic: false } };
    const [one, other] = [
      await opened({ store, process: false }),
      await opened({ store, name: 'other', process: false }),
    ];
    expect(await one.getOrSet('a', () => 1, life)).toBe(1);
    expect(await other.getOrSet('a', never, life)).toBe(1);
    const load = (keys: readonly string[]): [string, number][] => keys.map((key) => [key, 2]);
    expect(await one.getOrSetMany(['a', 'b'], load, life)).toEqual([1, 2]);
    expect(await other.getOrSetMany(['a', 'b'], never, life)).toEqual([1, 2]);
    await one.delete('a');
    expect(await other.getOrSet('a', () => 3, life)).toBe(3);
  });
});

describe('A key that is written as what tells loads of one key apart', () => {
  const versioned = { ...life, version: '1' } as const;

  it('joins no load of that key: of another version, and of what a request loads for itself', async () => {
    const cache = await opened({});
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const theirs = async (): Promise<string> => (await gate, 'theirs');
    const early = [
      cache.getOrSet('a', theirs, versioned),
      scope.run(() => cache.getOrSet('a', theirs, { ttl: 0 })),
      cache.getOrSet('b\0v1', theirs, life),
    ];
    await turn();
    for (const slot of ['a\0v1', 'a\0r1']) expect(await cache.getOrSet(slot, () => 'mine', life)).toBe('mine');
    expect(await cache.getOrSet('b', () => 'mine', versioned)).toBe('mine');
    open();
    expect(await Promise.all(early)).toEqual(['theirs', 'theirs', 'theirs']);
  });

  it('is not answered with its error', async () => {
    const cache = await opened({});
    const failing = (): Promise<string> => Promise.reject(new Error('down'));
    await expect(cache.getOrSet('a', failing, versioned)).rejects.toThrow('down');
    for (const slot of ['a\0v1', 'a\x001']) expect(await cache.getOrSet(slot, () => 'mine', life)).toBe('mine');
  });

  it('has loads of its own for versions that are written alike', async () => {
    const cache = await opened({ store: undefined });
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const early = cache.getOrSet('a', async () => (await gate, 'theirs'), { ...life, version: '1\0iclone' });
    await turn();
    const late = cache.getOrSet('a', async () => (await gate, 'mine'), { ...life, version: '1', isolation: 'clone' });
    open();
    expect(await Promise.all([early, late])).toEqual(['theirs', 'mine']);
  });
});

describe('A loader that asks for its own key in another way than it was asked', () => {
  const ways: readonly [string, EntryOptions<string>, EntryOptions<string>][] = [
    ['by another codec', { ...life, codec: text() }, life],
    ['by another version', { ...life, version: '1' }, { ...life, version: '2' }],
    ['by no version', { ...life, version: '1' }, life],
    ['in another isolation', { ...life, isolation: 'clone' }, life],
  ];
  const recursive = { code: 'RECURSIVE_LOAD', key: 'k' };

  describe.each(ways)('%s', (_, outside, inside) => {
    it('is told so instead of waiting for itself', async () => {
      const cache = await opened({});
      const inner = (): Promise<string> => cache.getOrSet('k', () => 'inner', inside);
      await expect(cache.getOrSet('k', inner, outside)).rejects.toMatchObject(recursive);
    });

    it('is told so as a loader of many keys', async () => {
      const cache = await opened({});
      const inner = async (): Promise<[string, string][]> => [['k', await cache.getOrSet('k', () => 'inner', inside)]];
      await expect(cache.getOrSetMany(['m', 'k'], inner, outside)).rejects.toMatchObject(recursive);
    });

    it('is told so through another loader', async () => {
      const cache = await opened({});
      const inner = (): Promise<string> => cache.getOrSet('k', () => 'inner', inside);
      const between = (): Promise<string> => cache.getOrSet('between', inner, life);
      await expect(cache.getOrSet('k', between, outside)).rejects.toMatchObject(recursive);
    });

    it('is told so where somebody else has asked in that way before, and is given what is loaded later', async () => {
      const cache = await opened({});
      let begin = (): void => {};
      let goOn = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const going = new Promise<void>((resolve) => (goOn = resolve));
      const inner = async (): Promise<string> => {
        begin();
        await going;
        return cache.getOrSet('k', () => 'inner', inside);
      };
      const loading = expect(cache.getOrSet('k', inner, outside)).rejects.toMatchObject(recursive);
      await begun;
      const elsewhere = cache.getOrSet('k', () => 'of somebody else', inside);
      await turn();
      goOn();
      await loading;
      await clock.advance('5s');
      expect(await elsewhere).toBe('of somebody else');
    });
  });

  it('is told so where somebody else waits for its load before that has begun', async () => {
    const cache = await opened({});
    const tagged = { ...life, tags: ['t'] };
    const inner = (): Promise<string> => cache.getOrSet('k', () => 'inner', tagged);
    let told: unknown;
    cache.getOrSet('k', inner, { ...tagged, isolation: 'clone' }).catch((error: unknown) => (told = error));
    const elsewhere = cache.getOrSet('k', () => 'of somebody else', tagged);
    await eventually(() => expect(told).toMatchObject(recursive));
    await clock.advance('5s');
    expect(await elsewhere).toBe('of somebody else');
  });

  it('is told so where it and somebody else have waited for another process, whose load it takes over', async () => {
    const [cache, there] = [await opened({}), await opened({ name: 'there' })];
    let giveUp = (): void => {};
    const load = (): Promise<undefined> => new Promise((resolve) => (giveUp = () => resolve(undefined)));
    const theirs = there.getOrSet('k', load, life);
    await turn();
    const clone = { ...life, isolation: 'clone' } as const;
    const told: unknown[] = [];
    const asking: readonly [EntryOptions<string>, EntryOptions<string>][] = [
      [life, clone],
      [clone, life],
    ];
    for (const [outside, inside] of asking) {
      const inner = (): Promise<string> => cache.getOrSet('k', () => 'inner', inside);
      cache.getOrSet('k', inner, outside).catch((error: unknown) => told.push(error));
    }
    await turn();
    giveUp();
    expect(await theirs).toBeUndefined();
    await clock.advance('1s');
    expect(told[0]).toMatchObject(recursive);
    await clock.advance('5s');
    expect(told).toMatchObject([recursive, recursive]);
  });

  it('is none where it has begun that look-up, does not wait for it, and takes over its key from another process', async () => {
    const [cache, there] = [await opened({ random: () => 0.5 }), await opened({ name: 'there' })];
    let giveUp = (): void => {};
    let ask = (): void => {};
    const theirs = there.getOrSet('k', () => new Promise<undefined>((resolve) => (giveUp = () => resolve(undefined))));
    const asking = new Promise<void>((resolve) => (ask = resolve));
    await turn();
    const loaded: string[] = [];
    let besides: Promise<unknown> | undefined;
    const load = async (keys: readonly string[]): Promise<[string, string][]> => {
      loaded.push(...keys);
      besides ??= asking.then(() => cache.getOrSet('k', () => 'besides', life));
      return keys.map((key) => [key, 'of many']);
    };
    const many = cache.getOrSetMany(['x', 'k'], load, { ...life, isolation: 'clone' });
    await eventually(() => expect(loaded).toEqual(['x']));
    await clock.advance(1); // it waits, and asks before that look-up does
    ask();
    await turn();
    giveUp();
    expect(await theirs).toBeUndefined();
    await clock.advance('2s');
    expect(await many).toEqual(['of many', 'of many']);
    expect(loaded).toEqual(['x', 'k']);
    expect(await besides).toBe('of many');
  });

  it('is no matter of what a call of many keys waits for besides', async () => {
    const [cache, mate] = [await opened({}), await opened({})];
    const gate = (): { readonly open: () => void; readonly opened: Promise<void> } => {
      let open = (): void => {};
      const passed = new Promise<void>((resolve) => (open = resolve));
      return { open, opened: passed };
    };
    const [begun, theirs, ours] = [gate(), gate(), gate()];
    const theirPart = mate.getOrSet('part', () => theirs.opened.then(() => 'theirs'), life);
    await turn();
    const load = async (): Promise<string> => {
      begun.open();
      await ours.opened;
      return `with ${await cache.getOrSet('part', () => 'never', life)}`;
    };
    const whole = cache.getOrSet('whole', load, { ...life, isolation: 'clone' });
    await begun.opened;
    const both = cache.getOrSetMany<string>(['whole', 'part'], () => [], life);
    await turn();
    ours.open();
    await turn();
    theirs.open();
    expect(await theirPart).toBe('theirs');
    await clock.advance('1s');
    expect(await whole).toBe('with theirs');
    await clock.advance('1s');
    expect(await both).toEqual(['with theirs', 'theirs']);
  });
});
