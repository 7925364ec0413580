import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EventEmitter, once } from 'node:events';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestCache } from '../../src/near/request-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';
import { seededRandom } from '../support/seeded-random.js';

const requests = 500;

describe('500 interleaved requests', () => {
  const scope = new RequestScope();
  let requestCache: RequestCache;
  let cache: TieredCache;
  beforeEach(async () => {
    cache = await buildCache({ scope, process: false });
    requestCache = new RequestCache(scope, (key) => cache.storeKey(key));
  });
  afterEach(() => cache.close());

  it('V1 never see each other, through nested work, timers, emitters and exceptions', async () => {
    const random = seededRandom(11);
    const own = requestCache.namespace('own');
    let crossed = 0;
    let seenInHandlers = 0;
    const leftOver: Promise<void>[] = [];

    const step = async (id: number): Promise<void> => {
      const kind = random.integer(0, 4);
      if (kind === 0) await pause(random.integer(0, 20));
      if (kind === 1) await turn();
      if (kind === 2) {
        const emitter = new EventEmitter();
        setTimeout(() => emitter.emit('done'), random.integer(0, 5));
        await once(emitter, 'done');
      }
      if (kind === 3) await Promise.all([step(id), pause(1)]);
      const seen = own.get('who');
      if (seen !== id) crossed++;
      // A key that every request loads for itself: its value is never another request's.
      if ((await cache.getOrSet('mine', () => id, { ttl: 0 })) !== id) crossed++;
    };
    const request = (id: number): Promise<void> =>
      scope.run(async () => {
        if (own.get('who') !== undefined) crossed++;
        own.set('who', id);
        try {
          for (let steps = random.integer(2, 6); steps > 0; steps--) await step(id);
          if (id % 5 === 0) throw new Error('a handler failed');
        } catch {
          if (own.get('who') === id) seenInHandlers++; // as an exception filter would
        }
        leftOver.push(
          pause(60).then(() => {
            if (own.get('who') !== undefined || scope.active) crossed++;
          }),
        );
      });

    await Promise.all(Array.from({ length: requests }, (_, id) => request(id)));
    await Promise.all(leftOver);
    expect(crossed).toBe(0);
    expect(seenInHandlers).toBe(requests / 5);
    expect(own.get('who')).toBeUndefined();
    own.set('who', 'outside');
    expect(own.get('who')).toBeUndefined();
    expect(await cache.lookup('mine')).toMatchObject({ hit: false });
  });

  it('what is set outside of a request is kept nowhere, and said once', () => {
    const faults = recordEvents('fault');
    const outside = new RequestCache(scope, (key) => String(key));
    outside.namespace().set('a', 1);
    outside.namespace('other').setDefault('b', 2);
    faults.stop();
    expect(outside.namespace().get('a')).toBeUndefined();
    expect(faults.of('fault').map(({ kind, source }) => [kind, source])).toEqual([['degraded', 'RequestCache']]);
  });

  it('as many namespaces as there are users leave nothing behind, and two request caches share none', async () => {
    const second = new RequestCache(scope, (key) => cache.storeKey(key));
    const users = Array.from({ length: 1_000 }, (_, user) => `user ${user}`);
    await scope.run(async () => {
      for (const user of users) requestCache.namespace(user).set('who', user);
      second.namespace('user 1').set('who', 'another');
      second.namespace('user 2').clear();
      expect(users.map((user) => requestCache.namespace(user).get('who'))).toEqual(users);
    });
    const isGone = (one: WeakRef<object>): boolean => one.deref() === undefined;
    const caches = users.map((user) => new WeakRef(requestCache.namespace(`later ${user}`)));
    setFlagsFromString('--expose-gc');
    await eventually(() => {
      (runInNewContext('gc') as () => void)();
      expect(caches.filter(isGone).length).toBeGreaterThan(900);
    });
  });

  it('V1 nor does one inside of another', async () => {
    const own = requestCache.namespace();
    await scope.run(async () => {
      own.set('who', 'outer');
      await scope.run(async () => expect(own.get('who')).toBeUndefined());
      expect(own.get('who')).toBe('outer');
    });
  });

  it('a request that deletes or sets a key is not given back what it was loading', async () => {
    await scope.run(async () => {
      const loading = cache.getOrSet('a', () => pause(40, 'old'));
      await turn();
      await cache.delete('a');
      expect(await loading).toBe('old');
      expect(await cache.lookup('a')).toMatchObject({ hit: false });
      const again = cache.getOrSet('a', () => pause(40, 'old'));
      await turn();
      await cache.set('a', 'new');
      await again;
      expect(await cache.get('a')).toBe('new');
    });
  });

  it('a background refresh knows nothing of the request that began it', async () => {
    const stale = { ttl: 10, staleFor: 60_000 };
    await cache.set('a', 'old', stale);
    await pause(20);
    let active: boolean | undefined;
    const load = async (): Promise<string> => {
      await pause(20);
      active = scope.active;
      return 'new';
    };
    await scope.run(async () => {
      scope.current();
      expect(await cache.getOrSet('a', load, stale)).toBe('old');
      await eventually(() => expect(active).toBeDefined());
    });
    expect(active).toBe(false);
  });
});
