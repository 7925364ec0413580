import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { LoadTimeoutError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';

const caches: TieredCache[] = [];
async function cacheWith(...given: Parameters<typeof buildCache>): Promise<TieredCache> {
  const cache = await buildCache(...given);
  caches.push(cache);
  return cache;
}
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

describe('callers of one key', () => {
  it('F5 are all given the same error, and the next one loads again where no failure is held', async () => {
    const cache = await cacheWith({ store: undefined });
    const trouble = new Error('source down');
    let loads = 0;
    const load = async (): Promise<number> => {
      loads++;
      await pause(10);
      if (loads === 1) throw trouble;
      return loads;
    };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, () => cache.getOrSet('a', load, { failureHold: 0 })),
    );
    expect(
      new Set(outcomes.map((outcome): unknown => (outcome.status === 'rejected' ? outcome.reason : undefined))),
    ).toEqual(new Set([trouble]));
    expect(loads).toBe(1);
    expect(await cache.getOrSet('a', load)).toBe(2);
  });

  it('F6 leave one by one: the loader is told when the last has left', async () => {
    const cache = await cacheWith();
    const controllers = [new AbortController(), new AbortController()];
    let told: AbortSignal | undefined;
    const load = ({ signal }: { signal: AbortSignal }) => {
      told = signal;
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const waiting = controllers.map(({ signal }) => cache.getOrSet('a', load, { signal }));
    const left = Promise.allSettled(waiting);
    await eventually(() => expect(told).toBeDefined());
    controllers[0]?.abort(new Error('one'));
    await expect(waiting[0]).rejects.toThrow('one');
    expect(told?.aborted).toBe(false);
    controllers[1]?.abort(new Error('two'));
    await left;
    expect(told?.aborted).toBe(true);
    expect(await cache.getOrSet('a', () => 'next')).toBe('next');
  });

  it('F6 of a bulk leave: its loader is told', async () => {
    const cache = await cacheWith();
    await cache.set('there', 1);
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const loadMissing = (_: readonly string[], { signal }: { signal: AbortSignal }) => {
      told = signal;
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const waiting = cache.getOrSetMany<number, string>(['a', 'there', 'b'], loadMissing, { signal: controller.signal });
    const left = expect(waiting).rejects.toThrow('gone');
    await eventually(() => expect(told).toBeDefined());
    controller.abort(new Error('gone'));
    await left;
    await eventually(() => expect(told?.aborted).toBe(true));
  });

  it('with a signal that never aborts wait for as long as the load takes', async () => {
    const cache = await cacheWith();
    const { signal } = new AbortController();
    expect(await cache.getOrSet('a', () => pause(60, 'slow'), { signal })).toBe('slow');
    expect(await cache.getOrSet('b', () => pause(60, 'slow'), { maxLoad: '60 days' })).toBe('slow');
  });

  it('an aborted signal loads nothing', async () => {
    const cache = await cacheWith();
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(cache.getOrSet('a', () => 1, { signal })).rejects.toThrow('too late');
    expect(await cache.lookup('a')).toMatchObject({ hit: false });
  });
});

describe('a loader that waits for itself', () => {
  const limited = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([
      work,
      pause(20_000, undefined, { ref: false }).then(() => {
        throw new Error('it deadlocked');
      }),
    ]);

  it('directly is told so', async () => {
    const cache = await cacheWith();
    const load = (): Promise<number> => cache.getOrSet('a', load);
    await expect(limited(cache.getOrSet('a', load))).rejects.toMatchObject({ code: 'RECURSIVE_LOAD' });
  });

  it('through another loader is told so', async () => {
    const cache = await cacheWith();
    const a = (): Promise<number> => cache.getOrSet('b', b);
    const b = (): Promise<number> => cache.getOrSet('a', a);
    await expect(limited(cache.getOrSet('a', a))).rejects.toMatchObject({ code: 'RECURSIVE_LOAD' });
  });

  it('cross-wise with a load that began at the same time is told so', async () => {
    const cache = await cacheWith();
    let begun = 0;
    const bothBegun = (): Promise<void> => {
      begun++;
      return eventually(() => expect(begun).toBe(2));
    };
    const a = () => bothBegun().then(() => cache.getOrSet('b', () => 'b alone'));
    const b = () => bothBegun().then(() => cache.getOrSet('a', () => 'a alone'));
    const outcomes = await limited(Promise.allSettled([cache.getOrSet('a', a), cache.getOrSet('b', b)]));
    expect(outcomes).toContainEqual({
      status: 'rejected',
      reason: expect.objectContaining({ code: 'RECURSIVE_LOAD' }),
    });
  });

  it('through a bulk is told so', async () => {
    const cache = await cacheWith();
    const loadMissing = async (keys: readonly string[]): Promise<[string, number][]> =>
      Promise.all(
        keys.map(async (key): Promise<[string, number]> => [key, await cache.getOrSet<number>('x', () => 1)]),
      );
    await expect(limited(cache.getOrSetMany(['x', 'y'], loadMissing))).rejects.toMatchObject({
      code: 'RECURSIVE_LOAD',
    });
  });

  it('is told so where it gave up the same look-up once, and waits for it still', async () => {
    const cache = await cacheWith();
    let goOn = (): void => {};
    const going = new Promise<void>((resolve) => (goOn = resolve));
    const part = () => going.then(() => cache.getOrSet('whole', () => 'never'));
    const whole = async (): Promise<string> => {
      const patient = cache.getOrSet('part', part);
      await cache.getOrSet('part', part, { timeout: { hard: 1 } }).catch(goOn);
      return patient;
    };
    await expect(limited(cache.getOrSet('whole', whole))).rejects.toMatchObject({ code: 'RECURSIVE_LOAD' });
  });

  it('is not one that asks for other keys, or for its own after it has landed', async () => {
    const cache = await cacheWith();
    const load = async (): Promise<string> => `${await cache.getOrSet('part', () => 'p')} of it`;
    expect(await limited(cache.getOrSet('whole', load))).toBe('p of it');
    let after: Promise<string> | undefined;
    let land = (): void => {};
    const landed = new Promise<void>((resolve) => (land = resolve));
    const later = async (): Promise<string> => {
      after = landed.then(() => cache.getOrSet('late', () => 'other'));
      return 'landed';
    };
    expect(await cache.getOrSet('late', later)).toBe('landed');
    land();
    expect(await limited(after as Promise<string>)).toBe('landed');
  });
});

describe('timeouts and stale answers', () => {
  const stale = { ttl: 20, staleFor: 60_000 };

  it('hard: the caller gets a typed error, the load goes on and is kept', async () => {
    const cache = await cacheWith();
    const options = { timeout: { hard: 50 } };
    await expect(cache.getOrSet('a', () => pause(200, 'late'), options)).rejects.toMatchObject({
      code: 'LOAD_TIMEOUT',
    });
    await eventually(async () => expect(await cache.get('a')).toBe('late'));
  });

  it('a bulk answers from the stale values of the store, and has them refreshed', async () => {
    const cache = await cacheWith({ process: false });
    await cache.set('a', 'old', stale);
    await pause(40);
    const life = { ttl: 60_000, staleFor: 60_000 };
    const load = (keys: readonly string[]): [string, string][] => keys.map((key) => [key, 'new']);
    expect(await cache.getOrSetMany(['a', 'b'], load, life)).toEqual(['old', 'new']);
    await eventually(async () => expect(await cache.get('a')).toBe('new'));
  });

  it('soft: the caller gets the stale value after that time, or the new one if it comes sooner', async () => {
    const cache = await cacheWith();
    await cache.getOrSet('a', () => 'old', stale);
    await pause(40);
    const options = { ttl: 60_000, staleFor: 60_000, timeout: { soft: 100 } };
    expect(await cache.getOrSet('a', () => pause(400, 'new'), options)).toBe('old');
    await eventually(async () => expect(await cache.getOrSet('a', () => 'other', options)).toBe('new'));
    await cache.set('b', 'old', stale);
    await pause(40);
    expect(await cache.getOrSet('b', () => pause(5, 'new'), { ...options, timeout: { soft: 5_000 } })).toBe('new');
  });

  it('hard: a caller who can be given a stale value is never told that the load took too long', async () => {
    const cache = await cacheWith();
    const closing = new AbortController();
    const endless = ({ signal }: { readonly signal: AbortSignal }): Promise<string> =>
      new Promise((_, reject) => {
        for (const end of [signal, closing.signal]) end.addEventListener('abort', () => reject(new Error('ended')));
      });
    for (const [index, timeout] of [{ hard: 20 }, { soft: 20, hard: 20 }, { soft: 20, hard: 5_000 }].entries()) {
      const options = { ttl: 60_000, staleFor: 60_000, timeout };
      await cache.set(`stale:${index}`, 'old', stale);
      await eventually(async () => expect(await cache.lookup(`stale:${index}`)).toMatchObject({ freshness: 'stale' }));
      expect(await cache.getOrSet(`stale:${index}`, endless, options)).toBe('old');
    }
    const absent = cache.getOrSet('absent', endless, { timeout: { hard: 20 } });
    await expect(absent).rejects.toBeInstanceOf(LoadTimeoutError);
    closing.abort();
  });

  it('an error is no answer: the stale value is served, the load not repeated at once, and an event tells', async () => {
    const clock = new FakeClock();
    const cache = await cacheWith({ clock, store: memoryStore({ clock }), coherence: { interval: '1h' } });
    const events = recordEvents('fault');
    let loads = 0;
    const load = (): string => {
      loads++;
      throw Object.assign(new Error('unavailable'), { status: 503 });
    };
    await cache.set('a', 'old', stale);
    await clock.advance(40);
    for (let turn = 0; turn < 20; turn++) {
      expect(await cache.getOrSet('a', load, { ...stale, timeout: { soft: 20 } })).toBe('old');
      await clock.advance(10);
    }
    expect(loads).toBe(1);
    expect(events.of('fault')).toMatchObject([{ kind: 'background-load', key: 'a' }]);
    await clock.advance(1_100); // counted from the failure
    await cache.getOrSet('a', load, { ...stale, timeout: { soft: 20 } });
    expect(loads).toBe(2);
    events.stop();
  });

  it('an error that is an answer reaches the caller, and what was served is gone everywhere', async () => {
    const store = memoryStore();
    const [cache, other] = [await cacheWith({ store }), await cacheWith({ store })];
    await cache.set('a', 'old', stale);
    expect(await other.get('a')).toBe('old');
    await pause(40);
    const gone = Object.assign(new Error('not found'), { status: 404 });
    const load = (): string => {
      throw gone;
    };
    await expect(cache.getOrSet('a', load, { ...stale, timeout: { soft: 1_000 } })).rejects.toBe(gone);
    await eventually(async () => {
      for (const one of [cache, other]) expect(await one.lookup('a')).toMatchObject({ hit: false });
    });
  });

  it('a classifier of the caller decides which is which', async () => {
    const cache = await cacheWith();
    const trouble = new TypeError('wrong shape');
    const load = (): string => {
      throw trouble;
    };
    const options = { ...stale, timeout: { soft: 1_000 } };
    await cache.set('a', 'old', stale);
    await pause(40);
    const isAnswer = { ...options, staleIfError: (error: unknown) => !(error instanceof TypeError) };
    await expect(cache.getOrSet('a', load, isAnswer)).rejects.toBe(trouble);
  });
});
