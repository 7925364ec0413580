import { AsyncResource } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Keyv } from 'keyv';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';

describe('loads past the limit', () => {
  const caches: TieredCache[] = [];
  const gates = new Map<string, () => void>();
  let order: string[] = [];
  async function limitedTo(
    maxConcurrentLoads: number,
    given: Parameters<typeof buildCache>[0] = {},
  ): Promise<TieredCache> {
    const cache = await buildCache({ maxConcurrentLoads, ...given });
    caches.push(cache);
    return cache;
  }
  /** It, and another process on the same store, whose loads have no limit. */
  async function limitedBeside(maxConcurrentLoads: number): Promise<[TieredCache, TieredCache]> {
    const store = memoryStore();
    const [cache, other] = [await limitedTo(maxConcurrentLoads, { store }), await buildCache({ store })];
    caches.push(other);
    return [cache, other];
  }
  afterEach(async () => {
    for (const open of gates.values()) open();
    gates.clear();
    order = [];
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  /** A loader that is held until its gate is opened. */
  const held = (name: string) => async (): Promise<string> => {
    order.push(name);
    await new Promise<void>((resolve) => gates.set(name, resolve));
    return name;
  };
  const open = (name: string): void => gates.get(name)?.();
  const begun = (...names: string[]) => eventually(() => expect(order).toEqual(names));
  const waiting = (cache: TieredCache): number =>
    (cache as unknown as { rooms: { places: { waiting: Set<unknown> } } }).rooms.places.waiting.size;
  const limited = <T>(work: Promise<T>, withinMs = 20_000): Promise<T> =>
    Promise.race([
      work,
      pause(withinMs, undefined, { ref: false }).then(() => {
        throw new Error('it deadlocked');
      }),
    ]);

  it.each<[string, () => Store | undefined]>([
    ['a store with leases', memoryStore],
    ['a store without', (): Store => keyvStore(new Keyv())],
    ['no store', () => undefined],
  ])('begin in order of arrival, as others end, on %s', async (_, makeStore) => {
    const cache = await limitedTo(2, { store: makeStore() });
    const loads = ['a', 'b', 'c', 'd', 'e'].map((key) => cache.getOrSet(key, held(key)));
    await begun('a', 'b');
    await eventually(() => expect(waiting(cache)).toBe(3));
    open('b');
    await begun('a', 'b', 'c');
    open('c');
    await begun('a', 'b', 'c', 'd');
    open('a');
    await begun('a', 'b', 'c', 'd', 'e');
    open('d');
    open('e');
    expect(await Promise.all(loads)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(waiting(cache)).toBe(0);
  });

  it('are counted for each cache by itself, and a loader that throws makes room', async () => {
    const [cache, other] = [await limitedTo(1), await limitedTo(1)];
    const failing = cache.getOrSet('a', async () => {
      await held('a')();
      throw new Error('source down');
    });
    const failed = expect(failing).rejects.toThrow('source down');
    const next = cache.getOrSet('b', held('b'));
    await begun('a');
    expect(await other.getOrSet('c', () => 'elsewhere')).toBe('elsewhere');
    open('a');
    await failed;
    await begun('a', 'b');
    open('b');
    expect(await next).toBe('b');
  });

  it('keep no hit of any tier waiting, and are not begun where another process has loaded meanwhile', async () => {
    const [cache, other] = await limitedBeside(1);
    await other.set('there', 'value');
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const second = cache.getOrSet('b', held('b'));
    await eventually(() => expect(waiting(cache)).toBe(1));
    expect(await limited(cache.getOrSet('there', held('there')))).toBe('value');
    expect(await limited(cache.getOrSet('there', held('there')))).toBe('value');
    expect(await limited(cache.getOrSetMany(['there'], () => []))).toEqual(['value']);
    // No lease is held by who waits.
    expect(await limited(other.getOrSet('b', () => 'of the other'))).toBe('of the other');
    open('a');
    expect(await Promise.all([first, second])).toEqual(['a', 'of the other']);
    expect(order).toEqual(['a']);
  });

  it('count their life and maxLoad from when the loader is called', async () => {
    const clock = new FakeClock();
    const cache = await limitedTo(1, { store: memoryStore({ clock }), clock, coherence: { interval: '1h' } });
    const takes = (ms: number) => () => clock.sleep(ms).then(() => ms);
    const options = { ttl: '1m', maxLoad: '30s', timeout: { hard: '10m' } } as const;
    const first = cache.getOrSet('a', takes(25_000), options);
    const second = cache.getOrSet('b', takes(25_000), options);
    const third = expect(cache.getOrSet('c', takes(60_000), options)).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
    await clock.advance('50s');
    expect(await Promise.all([first, second])).toEqual([25_000, 25_000]);
    expect((await cache.explain('b')).tiers[0]).toMatchObject({
      ageMs: 25_000,
      freshForMs: 35_000,
      loadCostMs: 25_000,
    });
    await clock.advance('30s');
    await third;
    expect(await cache.getOrSet('d', () => 'there is room again')).toBe('there is room again');
  });

  it('are kept though their key was invalidated while they waited: what they read is newer', async () => {
    const cache = await limitedTo(1);
    const rows = new Map([
      ['key', 'old'],
      ['tagged', 'old'],
    ]);
    const read = (name: string) => () => rows.get(name);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const loads = [cache.getOrSet('key', read('key')), cache.getOrSet('tagged', read('tagged'), { tags: ['t'] })];
    await eventually(() => expect(waiting(cache)).toBe(2));
    rows.set('key', 'new').set('tagged', 'new');
    await cache.delete('key');
    await cache.invalidateTags('t');
    open('a');
    expect(await Promise.all([first, ...loads])).toEqual(['a', 'new', 'new']);
    for (const key of ['key', 'tagged']) expect(await cache.lookup(key)).toMatchObject({ hit: true, value: 'new' });
  });

  it('are refreshes too: the stale value is served meanwhile', async () => {
    const cache = await limitedTo(1);
    await cache.set('stale', 'old', { ttl: 1, staleFor: '1h' });
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    await pause(5);
    expect(await cache.getOrSet('stale', held('stale'), { staleFor: '1h' })).toBe('old');
    await eventually(() => expect(waiting(cache)).toBe(1));
    expect(order).toEqual(['a']);
    open('a');
    await first;
    await begun('a', 'stale');
    open('stale');
    await eventually(async () => expect(await cache.get('stale')).toBe('stale'));
  });

  it('are forced ones too', async () => {
    const cache = await limitedTo(1);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const forced = cache.refresh('b', held('b'));
    await eventually(() => expect(waiting(cache)).toBe(1));
    open('a');
    await begun('a', 'b');
    open('b');
    expect(await Promise.all([first, forced])).toEqual(['a', 'b']);
  });

  it('of a bulk take one place, and what others found meanwhile is not loaded', async () => {
    const [cache, other] = await limitedBeside(1);
    const asked: string[][] = [];
    const load = async (keys: readonly string[]): Promise<[string, string][]> => {
      asked.push([...keys]);
      await held('bulk')();
      return keys.map((key) => [key, `value of ${key}`]);
    };
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const bulk = cache.getOrSetMany(['x', 'y', 'z'], load);
    await eventually(() => expect(waiting(cache)).toBe(1));
    expect(await limited(other.getOrSet('y', () => 'of the other'))).toBe('of the other');
    open('a');
    await begun('a', 'bulk');
    const next = cache.getOrSet('b', held('b'));
    await eventually(() => expect(waiting(cache)).toBe(1));
    open('bulk');
    expect(await bulk).toEqual(['value of x', 'of the other', 'value of z']);
    expect(asked).toEqual([['x', 'z']]);
    await begun('a', 'bulk', 'b');
    open('b');
    expect(await Promise.all([first, next])).toEqual(['a', 'b']);
  });

  it('make room while they wait for the load of another process, alone or in a bulk', async () => {
    const [cache, other] = await limitedBeside(1);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const alone = cache.getOrSet('b', () => 'never');
    const bulk = cache.getOrSetMany(['c', 'd'], (keys) => keys.map((key) => [key, 'of the bulk'] as const));
    await eventually(() => expect(waiting(cache)).toBe(2));
    const last = cache.getOrSet('e', held('e'));
    await eventually(() => expect(waiting(cache)).toBe(3));
    const elsewhere = [other.getOrSet('b', held('b')), other.getOrSet('c', held('c'))];
    await begun('a', 'b', 'c');
    open('a');
    await begun('a', 'b', 'c', 'e');
    for (const name of ['b', 'c', 'e']) open(name);
    expect(await Promise.all([first, ...elsewhere, last])).toEqual(['a', 'b', 'c', 'e']);
    expect(await Promise.all([alone, bulk])).toEqual(['b', ['c', 'of the bulk']]);
  });

  it('make room while they wait for a load of this process that was asked for in another way', async () => {
    const cache = await limitedTo(2);
    const running = cache.getOrSet('k', held('k'), { isolation: 'clone' });
    await begun('k');
    const bulk = cache.getOrSetMany(['m', 'k'], (keys) => {
      order.push(keys.map(String).join());
      return keys.map((key) => [key, 'of the bulk'] as const);
    });
    await begun('k', 'm');
    const others = [cache.getOrSet('c', held('c')), cache.getOrSet('d', held('d'))];
    await begun('k', 'm', 'c');
    await eventually(() => expect(waiting(cache)).toBe(1));
    open('k');
    await begun('k', 'm', 'c', 'd');
    open('c');
    open('d');
    expect(await Promise.all([running, bulk, ...others])).toEqual(['k', ['of the bulk', 'k'], 'c', 'd']);
    expect(waiting(cache)).toBe(0);
  });

  it.each([
    ['by their signals', (signal: AbortSignal) => ({ signal }), 'gone'],
    ['because they could not wait', () => ({ timeout: { hard: 1_500 } }), 'not loaded within 1500 ms'],
  ])('leave the queue without being begun when all their callers left %s', async (_, options, message) => {
    const cache = await limitedTo(1);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const controller = new AbortController();
    const callers = [
      cache.getOrSet('b', held('b'), options(controller.signal)),
      cache.getOrSet('b', held('b'), options(controller.signal)),
      cache.getOrSetMany(['c', 'd'], held('bulk') as never, options(controller.signal)),
    ];
    const left = callers.map((caller) => expect(caller).rejects.toThrow(message));
    await eventually(() => expect(waiting(cache)).toBe(2));
    controller.abort(new Error('gone'));
    await Promise.all(left);
    await eventually(() => expect(waiting(cache)).toBe(0));
    open('a');
    expect(await first).toBe('a');
    expect(await cache.getOrSet('b', () => 'next')).toBe('next');
    expect(order).toEqual(['a']);
  });

  it('give up their callers after maxLoad where no shorter time was given, and stay for who can wait longer', async () => {
    const cache = await limitedTo(1);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    const impatient = cache.getOrSet('b', held('b'), { maxLoad: 50 });
    const gaveUp = expect(impatient).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
    const patient = cache.getOrSet('b', held('b'));
    await gaveUp;
    expect(waiting(cache)).toBe(1);
    open('a');
    await first;
    await begun('a', 'b');
    open('b');
    expect(await patient).toBe('b');
  });

  it('leave the queue without being begun when their only caller has waited for maxLoad', async () => {
    const cache = await limitedTo(1);
    const first = cache.getOrSet('a', held('a'));
    await begun('a');
    await expect(cache.getOrSet('b', held('b'), { maxLoad: 50 })).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
    await eventually(() => expect(waiting(cache)).toBe(0));
    open('a');
    expect(await first).toBe('a');
    expect(order).toEqual(['a']);
  });

  describe('that a running loader asks for', () => {
    it('run under its place, one in another and many at once', async () => {
      const cache = await limitedTo(1);
      const part = (name: string): Promise<string> => cache.getOrSet(name, async () => `${await inner(name)}!`);
      const inner = (name: string): Promise<string> => cache.getOrSet(`inner ${name}`, () => pause(5, name));
      const whole = async (): Promise<string[]> => {
        const bulk = cache.getOrSetMany(['x', 'y'], (keys: readonly string[]) =>
          keys.map((key) => [key, key] as const),
        );
        return (await Promise.all([part('p'), part('q'), bulk])).flat() as string[];
      };
      expect(await limited(cache.getOrSet('whole', whole))).toEqual(['p!', 'q!', 'x', 'y']);
      const [first, next] = [cache.getOrSet('a', held('a')), cache.getOrSet('b', held('b'))];
      await begun('a');
      open('a');
      await begun('a', 'b');
      open('b');
      expect(await Promise.all([first, next])).toEqual(['a', 'b']);
    });

    it.each([
      ['a store', memoryStore],
      ['no store', () => undefined],
    ])('leave the other places to others, on %s', async (_, makeStore) => {
      const cache = await limitedTo(2, { store: makeStore() });
      const whole = cache.getOrSet('whole', () => cache.getOrSet('part', held('part')));
      await begun('part');
      const others = [cache.getOrSet('b', held('b')), cache.getOrSet('c', held('c'))];
      await begun('part', 'b');
      expect(waiting(cache)).toBe(1);
      open('b');
      await begun('part', 'b', 'c');
      open('c');
      open('part');
      expect(await Promise.all([whole, ...others])).toEqual(['part', 'b', 'c']);
    });

    it.each(['alone', 'in a bulk'])('leave it when it gives up waiting for one that has a place, %s', async (how) => {
      const cache = await limitedTo(2);
      const bulk = async (keys: readonly string[]) => {
        await held('x')();
        return keys.map((key) => [key, 'x'] as const);
      };
      const running = how === 'alone' ? cache.getOrSet('x', held('x')) : cache.getOrSetMany(['x', 'y'], bulk);
      await begun('x');
      const hasty = (): Promise<string> => cache.getOrSet('x', () => 'never', { timeout: { hard: 20 } });
      await expect(cache.getOrSet('a', hasty)).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
      expect(await limited(cache.getOrSet('b', () => 'b'))).toBe('b');
      const waits = cache.getOrSet('c', () => cache.getOrSet('x', () => 'never'));
      const line = cache.getOrSet('d', held('d'));
      await eventually(() => expect(waiting(cache)).toBe(1));
      open('x');
      expect(await waits).toBe('x');
      await begun('x', 'd');
      open('d');
      await Promise.all([running, line]);
    });

    it.each(['that loader alone', 'somebody else before'])(
      'leave it when they give up a load of this process that was asked for in another way, by %s',
      async (who) => {
        const faulty = new FaultyStore(memoryStore());
        const cache = await limitedTo(2, { store: faulty.store });
        const running = cache.getOrSet('k', held('k'), { isolation: 'clone' });
        await begun('k');
        // By the load, by whoever waits for it, and by whoever waits for it once more.
        const asked = `readOrStub ${cache.storeKey('k')}`;
        const waits = () =>
          eventually(() => expect(faulty.commands.filter((one) => one === asked).length).toBeGreaterThan(2));
        const before = who === 'that loader alone' ? [] : [cache.getOrSet('k', () => 'never')];
        if (before.length > 0) await waits();
        const joined = recordEvents('loadJoined');
        const controller = new AbortController();
        const asks = () => cache.getOrSet('k', () => 'never', { signal: controller.signal });
        const failed = expect(cache.getOrSet('a', asks)).rejects.toThrow('gone');
        await eventually(() => expect(joined.all).toHaveLength(before.length));
        joined.stop();
        await waits();
        controller.abort(new Error('gone'));
        await failed;
        const next = cache.getOrSet('c', held('c'));
        await begun('k', 'c');
        open('k');
        open('c');
        expect(await Promise.all([running, next, ...before])).toEqual(['k', 'c', ...before.map(() => 'k')]);
      },
    );

    it('leave it as soon as none of them runs, if the bulk that they are in waits for another process', async () => {
      const [cache, other] = await limitedBeside(1);
      const elsewhere = other.getOrSet('y', held('y'));
      await begun('y');
      const load = async (keys: readonly string[]) => {
        await held('x')();
        return keys.map((key) => [key, 'of the bulk'] as const);
      };
      const hasty = (): Promise<unknown> => cache.getOrSetMany(['x', 'y'], load, { timeout: { hard: 20 } });
      await expect(cache.getOrSet('a', hasty)).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
      const next = cache.getOrSet('b', held('b'));
      await eventually(() => expect(waiting(cache)).toBe(1));
      expect(order).toEqual(['y', 'x']);
      open('x');
      await begun('y', 'x', 'b');
      const joining = cache.getOrSet('y', () => 'never');
      for (const name of ['y', 'b']) open(name);
      expect(await Promise.all([elsewhere, next, joining])).toEqual(['y', 'b', 'y']);
    });

    it('leave it as soon as its loader gives up, though another loader still waits for them', async () => {
      const [cache, other] = await limitedBeside(2);
      const elsewhere = other.getOrSet('y', held('y'));
      await begun('y');
      const hasty = (): Promise<string> => cache.getOrSet('y', () => 'never', { timeout: { hard: 20 } });
      const failed = expect(cache.getOrSet('a', hasty)).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
      const patient = cache.getOrSet('b', () => cache.getOrSet('y', () => 'never'));
      await failed;
      const next = [cache.getOrSet('c', held('c')), cache.getOrSet('d', held('d'))];
      await begun('y', 'c');
      await eventually(() => expect(waiting(cache)).toBe(1));
      for (const name of ['y', 'c']) open(name);
      expect(await Promise.all([elsewhere, patient])).toEqual(['y', 'y']);
      await begun('y', 'c', 'd');
      open('d');
      expect(await Promise.all(next)).toEqual(['c', 'd']);
    });

    it('are told once who joins and who leaves, however many keys of bulks in bulks lead to one', async () => {
      const cache = await limitedTo(2);
      const size = 30;
      const inBulk = (name: string, work: () => Promise<unknown>, signal?: AbortSignal) => {
        const load = async (keys: readonly string[]) => {
          await work();
          return keys.map((key) => [key, name] as const);
        };
        const keys = Array.from({ length: size }, (_, index) => `${name}${index}`);
        return cache.getOrSetMany(keys, load, signal && { signal });
      };
      const [first, second] = [new AbortController(), new AbortController()];
      const innermost = (): Promise<unknown> => inBulk('c', held('c'));
      const nested = (signal: AbortSignal) => () => inBulk('a', () => inBulk('b', innermost), signal);
      const left = [expect(cache.getOrSet('one', nested(first.signal))).rejects.toThrow('gone')];
      await begun('c');
      // Each look at what a flight waits for.
      const looks = jest.spyOn(Map.prototype, 'keys');
      try {
        const joined = recordEvents('loadJoined');
        left.push(expect(cache.getOrSet('two', nested(second.signal))).rejects.toThrow('gone'));
        await eventually(() => expect(joined.all).toHaveLength(size));
        joined.stop();
        const joining = looks.mock.calls.length;
        for (const controller of [first, second]) controller.abort(new Error('gone'));
        await Promise.all(left);
        const leaving = looks.mock.calls.length - joining;
        expect(joining).toBeGreaterThanOrEqual(size);
        expect(joining).toBeLessThan(size * size * 3);
        expect(leaving).toBeGreaterThan(0);
        expect(leaving).toBeLessThan(size * 20);
      } finally {
        looks.mockRestore();
      }
    });

    it('leave none to a refresh of before, which nobody waits for', async () => {
      const clock = new FakeClock();
      const cache = await limitedTo(2, { store: memoryStore({ clock }), clock });
      const life = { ttl: '10s', staleFor: '1h' } as const;
      await cache.set('k', 'old', life);
      await clock.advance('12s');
      expect(await cache.getOrSet('k', held('refreshed'), life)).toBe('old');
      await begun('refreshed');
      await cache.delete('k');
      const first = cache.getOrSet('k', held('loaded'), life);
      await begun('refreshed', 'loaded');
      const second = cache.getOrSet('k', () => 'never', life);
      open('loaded');
      expect(await Promise.all([first, second])).toEqual(['loaded', 'loaded']);
      const next = cache.getOrSet('c', held('c'));
      await begun('refreshed', 'loaded', 'c');
      open('c');
      expect(await next).toBe('c');
    });

    it('keep it in a bulk of another cache that waits, until all who wait for the bulk have left', async () => {
      const store = memoryStore();
      const [one, two, other] = [await buildCache(), await limitedTo(2, { store }), await buildCache({ store })];
      caches.push(one, other);
      await other.set('x', 'there');
      const elsewhere = other.getOrSet('y', async () => (await held('elsewhere')(), undefined));
      await begun('elsewhere');
      const load = async (keys: readonly string[]): Promise<[string, string][]> => {
        const name = keys.join();
        await held(name)();
        return keys.map((key) => [key, name]);
      };
      const whole = one.getOrSet('a', () => two.getOrSetMany(['x', 'y', 'z'], load));
      await begun('elsewhere', 'z');
      const joined = recordEvents('loadJoined');
      const asks = () => (order.push('c'), two.getOrSet('y', () => 'never'));
      const joining = two.getOrSet('c', asks);
      await eventually(() => expect(joined.all).toHaveLength(1));
      joined.stop();
      const last = two.getOrSet('d', held('d'));
      await eventually(() => expect(waiting(two)).toBe(1));
      open('z');
      await begun('elsewhere', 'z', 'c', 'd');
      open('elsewhere');
      await begun('elsewhere', 'z', 'c', 'd', 'y');
      open('y');
      expect(await Promise.all([whole, joining])).toEqual([['there', 'y', 'z'], 'y']);
      open('d');
      expect(await Promise.all([elsewhere, last])).toEqual([undefined, 'd']);
    });

    it('(−) wait until maxLoad where nobody knows who asks', async () => {
      const cache = await limitedTo(1);
      const unknown = AsyncResource.bind((): Promise<string> => cache.getOrSet('part', () => 'p'));
      const loading = cache.getOrSet('whole', () => unknown(), { maxLoad: 100, timeout: { hard: '1h' } });
      await expect(loading).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
      // And then it is the turn of the other.
      await eventually(async () => expect(await cache.get('part')).toBe('p'));
    });

    it('run at once if they wait for their turn already, alone, in a bulk, or for a bulk', async () => {
      const cache = await limitedTo(1);
      const asks = async (): Promise<unknown> => {
        await held('a')();
        const bulk = cache.getOrSetMany(['x', 'z'], () => []);
        return Promise.all([cache.getOrSet('b', () => 'never'), cache.getOrSet('y', () => 'never'), bulk]);
      };
      const first = cache.getOrSet('a', asks);
      await begun('a');
      const load = (keys: readonly string[]) => keys.map((key) => [key, `value of ${key}`] as const);
      const others = [cache.getOrSet('b', () => 'b'), cache.getOrSetMany(['x', 'y', 'z'], load)];
      const last = cache.getOrSet('c', held('c'));
      await eventually(() => expect(waiting(cache)).toBe(3));
      open('a');
      expect(await limited(first)).toEqual(['b', 'value of y', ['value of x', 'value of z']]);
      await limited(Promise.all(others));
      await begun('a', 'c');
      open('c');
      expect(await last).toBe('c');
    });

    it('run at once in another cache, and through a cache without a limit', async () => {
      const [one, two] = [await limitedTo(1), await limitedTo(1)];
      const free = await buildCache();
      caches.push(free);
      const gate = Promise.all([
        eventually(() => expect(waiting(one)).toBe(1)),
        eventually(() => expect(waiting(two)).toBe(1)),
      ]);
      // a in one waits for x in two, which waits behind b; b in two waits for y in one, which waits behind a.
      const begins = (name: string): Promise<unknown> => (order.push(name), gate);
      const a = one.getOrSet('a', () =>
        begins('a').then(() => free.getOrSet('between', () => two.getOrSet('x', () => 'never'))),
      );
      const b = two.getOrSet('b', () => begins('b').then(() => one.getOrSet('y', () => 'never')));
      await eventually(() => expect(order).toHaveLength(2));
      const [x, y] = [two.getOrSet('x', () => 'x'), one.getOrSet('y', () => 'y')];
      expect(await limited(Promise.all([a, b, x, y]))).toEqual(['x', 'y', 'x', 'y']);
    });

    /** Two processes, each with a loader that asks for a key for which a load of the other one waits. */
    async function crosswise(store: Store): Promise<string[]> {
      const [one, two] = [await limitedTo(1, { store }), await limitedTo(1, { store })];
      const gate = Promise.all([
        eventually(() => expect(waiting(one)).toBe(1)),
        eventually(() => expect(waiting(two)).toBe(1)),
      ]);
      const begins = (name: string): Promise<unknown> => (order.push(name), gate);
      const a = one.getOrSet('a', () => begins('a').then(() => one.getOrSet('x', () => 'x of one')));
      const b = two.getOrSet('b', () => begins('b').then(() => two.getOrSet('y', () => 'y of two')));
      await eventually(() => expect(order).toHaveLength(2));
      const [x, y] = [two.getOrSet('x', () => 'x of two'), one.getOrSet('y', () => 'y of one')];
      return Promise.all([a, b, x, y]);
    }

    it('are not held up by loads of another process that wait behind what waits for them', async () => {
      const answers = ['x of one', 'y of two', 'x of one', 'y of two'];
      expect(await limited(crosswise(memoryStore()), 2_500)).toEqual(answers); // sooner than a lease ends by itself
    });

    it('(−) are held up for the life of a lease where it is not given back', async () => {
      const store = memoryStore();
      const [shard] = store.shards;
      shard.remove = async () => 'changed';
      const startedAt = performance.now();
      await crosswise(store);
      expect(performance.now() - startedAt).toBeGreaterThan(2_500);
    });
  });
});

describe('a limit that is none', () => {
  it.each([0, -1, 1.5, NaN, Infinity, '4' as never])(
    '%p stops the start, and the error names the option',
    async (bad) => {
      await expect(buildCache({ maxConcurrentLoads: bad })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        option: 'maxConcurrentLoads',
        message: expect.stringContaining('Give a whole number of 1 or more'),
      });
    },
  );
});
