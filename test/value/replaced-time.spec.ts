import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { systemClock } from '../../src/value/clock.js';
import { cacheModule, start } from '../support/nest-application.js';

/** Only what asks for the time: what a store in memory waits for is a promise. */
const asked = { doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'setTimeout', 'setInterval'] as never };

describe('Under fake timers', () => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    jest.useRealTimers();
    await app?.close();
    app = undefined;
  });

  it('lives follow setSystemTime, in a cache that was made before them', async () => {
    app = await start({ imports: [cacheModule()] });
    const cache = app.get(TieredCache);
    let loads = 0;
    const load = (): Promise<number> => cache.getOrSet('a', () => ++loads, { ttl: '5m' });
    jest.useFakeTimers(asked);
    jest.setSystemTime(1_800_000_000_000);
    expect([await load(), await load()]).toEqual([1, 1]);
    jest.setSystemTime(1_800_000_000_000 + 4 * 60_000);
    expect(await load()).toBe(1);
    jest.setSystemTime(1_800_000_000_000 + 5 * 60_000);
    expect(await load()).toBe(2);
  });

  it('timers and both clocks are the fake ones, and the monotonic one goes on from where it was', async () => {
    const before = systemClock.monotonic();
    jest.useFakeTimers();
    const began = systemClock.monotonic();
    expect(began).toBeGreaterThanOrEqual(before);
    let fired = 0;
    systemClock.after(1_000, () => fired++);
    const slept = systemClock.sleep(1_000).then(() => 'slept');
    jest.advanceTimersByTime(999);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect([fired, await slept]).toEqual([1, 'slept']);
    expect(systemClock.monotonic() - began).toBeCloseTo(1_000, 6);
    jest.useRealTimers();
    const after = systemClock.monotonic();
    expect(after).toBeGreaterThanOrEqual(began + 999.999);
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(after);
  });
});
