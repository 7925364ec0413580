import { afterEach, describe, expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import { ServerTime } from '../../../src/store/redis/server-time.js';
import type { Store } from '../../../src/store/store.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { VirtualClock } from '../../../src/testing/simulation/virtual-clock.js';
import { patience } from '../../support/patience.js';
import { testedDriver } from './drivers.js';

const day = 86_400_000;

describe('A server’s clock', () => {
  const clock = new VirtualClock();
  const began = clock.monotonic();
  const sample = (serverMs: number, sentAt: number, receivedAt: number) => ({
    serverMs,
    sentAt: began + sentAt,
    receivedAt: began + receivedAt,
  });

  it('is known from the quickest answer, until that is too old or the clock was set', () => {
    const time = new ServerTime(clock);
    expect([time.now(), time.ageMs(1)]).toEqual([undefined, undefined]);
    time.note(sample(day, -20, 0));
    expect(time.now()).toBe(day + 10);
    time.note(sample(day, -2, 0));
    expect(time.now()).toBe(day + 1);
    time.note(sample(day, -30, 0));
    expect(time.now()).toBe(day + 1);
    // A day of drift makes even that one the better.
    time.note(sample(2 * day, day - 30, day));
    expect(time.now()).toBe(day + 15);
    time.note(sample(day - 3_600_000, -30, 0));
    expect(time.now()).toBe(day - 3_600_000 + 15);
    time.forget();
    expect(time.now()).toBeUndefined();
  });

  it('dates nothing into the future', () => {
    const time = new ServerTime(clock);
    time.note(sample(day, 0, 0));
    expect([time.ageMs(undefined), time.ageMs(day + 5_000), time.ageMs(day - 500)]).toEqual([undefined, 0, 499]);
  });
});

describe('The age of an item', () => {
  const endings: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });

  async function storeOn({ url }: RedisProcess): Promise<Store> {
    const store = redisStoreWith({ url, ...patience }, { driver: () => testedDriver('built-in') });
    await store.open();
    endings.push(() => store.close());
    return store;
  }

  it('is the server’s to tell, whatever the wall clock of who wrote it and of who reads it says', async () => {
    const server = await startRedis();
    endings.push(() => server.stop());
    const [writer, reader] = [await storeOn(server), await storeOn(server)];
    const { now } = Date;
    const startedAt = performance.now();
    try {
      Date.now = () => now() - 30_000;
      await writer.shards[0].write('k', Buffer.from('v'), { lifeMs: 600_000 });
      const writtenAt = performance.now();
      Date.now = () => now() + 30_000;
      const leastMs = performance.now() - writtenAt;
      const [item] = await reader.shards[0].readMany(['k']);
      const mostMs = performance.now() - startedAt;
      // Off by half of an answer on each side: seconds on a busy machine, and never what the wall clocks are apart.
      expect(item?.ageMs).toBeGreaterThanOrEqual(Math.max(0, leastMs - 15_000));
      expect(item?.ageMs).toBeLessThan(mostMs + 15_000);
    } finally {
      Date.now = now;
    }
  });
});
