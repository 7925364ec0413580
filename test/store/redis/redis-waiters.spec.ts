import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { systemClock } from '../../../src/value/clock.js';
import type { Clock } from '../../../src/value/clock.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

let server: RedisProcess;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Its pauses never end by themselves: whoever goes on was woken. @param begun called for each. */
const sleepless = (begun: () => void): Clock => ({
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (delayMs, run) => systemClock.after(delayMs, run),
  sleep: (_, signal) =>
    new Promise((resolve) => {
      begun();
      if (signal?.aborted) resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
    }),
});

async function cacheOn({ pushes = true, begun = () => {} } = {}): Promise<TieredCache> {
  const options = { url: server.url, ...patience };
  const store = redisStoreWith(options, { driver: () => testedDriver('built-in') });
  if (!pushes) Object.defineProperty(store.shards[0], 'watchItem', { value: undefined });
  await store.open();
  const cache = await buildCache({ store, clock: sleepless(begun) });
  endings.push(async () => {
    await cache.close();
    await store.close();
  });
  return cache;
}

/** One loads, and is done only when the other waits. @returns what the other has got when the first is done. */
async function wait(key: string, pushes: boolean, loaded: () => Promise<string> | string): Promise<unknown> {
  let pauses = 0;
  const [loading, waiting] = [await cacheOn(), await cacheOn({ pushes, begun: () => pauses++ })];
  let [finish, loads]: [() => void, number] = [() => {}, 0];
  const gate = new Promise<void>((resolve) => (finish = resolve));
  const load = async (): Promise<string> => {
    loads++;
    await gate;
    return loaded();
  };
  const first = loading.getOrSet(key, load, { ttl: 60_000, failureHold: 0 }).catch(() => 'failed');
  await eventually(() => expect(loads).toBe(1));
  let got: unknown = 'nothing yet';
  const ended = waiting
    .getOrSet(key, () => 'loaded by the one who waited', { ttl: 60_000 })
    .then((value) => (got = value));
  if (pushes) {
    const channel = async (): Promise<void> =>
      expect(await server.text('PUBSUB', 'CHANNELS', `*${key}~wake`)).not.toBe('');
    await eventually(channel);
  } else await eventually(() => expect(pauses).toBe(1));
  finish();
  await first;
  if (pushes) await ended;
  else await new Promise((resolve) => setTimeout(resolve, 300));
  return got;
}

describe('Whoever waits for a load of another process', () => {
  it('is woken by its fill', async () => {
    expect(await wait('filled', true, () => 'loaded')).toBe('loaded');
  });

  it('is woken where the load fails and gives its lease back', async () => {
    expect(await wait('failed', true, () => Promise.reject(new Error('no')))).toBe('loaded by the one who waited');
  });

  it('(−) looks again at intervals only where the store does not push', async () => {
    expect(await wait('unpushed', false, () => 'loaded')).toBe('nothing yet');
  });
});
