import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Shard } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { patience } from '../support/patience.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';

interface Storm {
  readonly acknowledged: number;
  readonly tookMs: number;
}

const endurance = process.env['ENDURANCE'] === '1';
const writers = endurance ? 4 : 2;
const invalidations = endurance ? 1_200_000 : 8_000;
const invalidationsPerSecond = 20_000;
const hotKeys = endurance ? 20_000 : 2_000;
/** Twice what a reader may be behind, and the segment that is being written. */
const maxFeedBytes = 9 * 2 ** 20;

/** A server, and what it costs and keeps. */
interface StormServer {
  readonly address: string;
  /** What it was asked so far: keys of memcached, commands of Redis. */
  readonly asked: () => Promise<number>;
  /** What a reading may ask when nothing is new. */
  readonly mostPerReading: number;
  readonly feedBytes: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const servers = {
  async memcached(): Promise<StormServer> {
    const server = await startMemcached();
    return {
      address: server.address,
      asked: async () => Number((await server.stats())['cmd_get']),
      mostPerReading: 3.5,
      async feedBytes() {
        const store = memcachedStore({ servers: server.address, ...patience });
        const [shard] = store.shards;
        let bytes = 0;
        for await (const key of (shard.keys as NonNullable<Shard['keys']>).call(shard, '')) {
          if (key.includes('~feed:')) bytes += (await shard.readMany([key]))[0]?.bytes.length ?? 0;
        }
        await store.close();
        return bytes;
      },
      stop: () => server.stop(),
    };
  },
  async redis(): Promise<StormServer> {
    const server = await startRedis();
    return {
      address: server.url,
      asked: async () =>
        Object.entries(await server.info('commandstats')).reduce(
          (sum, [name, stats]) => (/_(info|ping)$/.test(name) ? sum : sum + Number(/calls=(\d+)/.exec(stats)?.[1])),
          0,
        ),
      mostPerReading: 6.5,
      async feedBytes() {
        let bytes = 0;
        for (const key of (await server.command('KEYS', '*~feed:*')) as readonly Buffer[]) {
          // Who answers stands beside the segments.
          if (/:\d+$/.test(String(key))) bytes += Number(await server.command('STRLEN', key));
        }
        return bytes;
      },
      stop: () => server.stop(),
    };
  },
} as const;

describe.each(['memcached', 'redis'] as const)('a storm of invalidations from several processes on one %s', (name) => {
  let server: StormServer;
  let reader: WorkerProcess;
  let shortSighted: WorkerProcess;
  let storm: WorkerProcess[];
  let took: number;
  let nearBefore: number;
  let nearMeanwhile: number;
  let askedBefore: number;
  /** A process that was kept from running believes nothing until it has read the feed again. */
  const isNear = (worker: WorkerProcess, count: number): Promise<void> =>
    eventually(async () => expect(await worker.call('near', hotKeys)).toBe(count));
  /** While nobody does anything: what the server is asked each time that somebody reads the feed. */
  const askedPerReading = async (caches: readonly WorkerProcess[]): Promise<number> => {
    const counts = async (): Promise<[number, number]> => {
      const readings = await Promise.all(caches.map((each) => each.call<number>('readings')));
      return [readings.reduce((sum, count) => sum + count, 0), await server.asked()];
    };
    const [readings, keys] = await counts();
    await pause(endurance ? 10_000 : 1_000);
    const [readingsThen, keysThen] = await counts();
    return (keysThen - keys) / (readingsThen - readings);
  };
  beforeAll(async () => {
    server = await servers[name]();
    const start = (named: string, maxBehindBytes = 4 * 2 ** 20): Promise<WorkerProcess> => {
      const data = { address: server.address, name: named, maxBehindBytes, interval: endurance ? 1_000 : 100 };
      return startWorker(new URL('./support/storm-worker.ts', import.meta.url), data);
    };
    const names = Array.from({ length: writers }, (_, index) => `writer-${index}`);
    [reader, shortSighted, storm] = await Promise.all([
      start('reader'),
      start('short-sighted', 65_536),
      Promise.all(names.map((each) => start(each))),
    ]);
    await storm[0]?.call('fill', hotKeys);
    for (const each of [reader, shortSighted]) {
      await each.call('keep', hotKeys);
      await isNear(each, hotKeys);
      await each.call('cleared');
    }
    askedBefore = await askedPerReading([reader, shortSighted, ...storm]);
    const quiet = reader.call<number>('read', hotKeys);
    await pause(endurance ? 2_000 : 200);
    await reader.call('stopReading');
    nearBefore = await quiet;
    const reading = reader.call<number>('read', hotKeys);
    shortSighted.pause();
    const startedAt = performance.now();
    const storms = await Promise.all(
      storm.map((each) => each.call<Storm>('invalidate', invalidations / writers, 1_000)),
    );
    took = performance.now() - startedAt;
    const acknowledged = storms.reduce((sum, each) => sum + each.acknowledged, 0);
    const refused = await Promise.all(storm.map((each) => each.call<string[]>('refused')));
    expect({ acknowledged, refused: refused.flat() }).toEqual({ acknowledged: invalidations, refused: [] });
    await reader.call('stopReading');
    nearMeanwhile = await reading;
    shortSighted.resume();
  }, 300_000);
  afterAll(async () => {
    await Promise.all([reader, ...storm].map((worker) => worker.stop()));
    await server.stop();
  });

  it('T6 leaves the near copies of a reader where they are, but for the one that was named', async () => {
    expect(await storm[0]?.call('remove', 'hot:17')).toBe(true);
    expect(await reader.call('heard', 'hot:17')).toBe(true);
    expect(await reader.call('cleared')).toEqual([]);
    await isNear(reader, hotKeys - 1);
  });

  it('T6 clears them where a reader may be behind by 64 KiB only, and was', async () => {
    expect(await shortSighted.call('heard', 'hot:17')).toBe(true);
    expect(await shortSighted.call('cleared')).toContainEqual(expect.stringContaining('behind'));
    expect(await shortSighted.call('near', hotKeys)).toBe(0);
  });

  it('T6 leaves hits near while it lasts: 99 of 100 that are near without it', () => {
    console.log(`near hits: ${(100 * nearMeanwhile).toFixed(2)} %, before: ${(100 * nearBefore).toFixed(2)} %`);
    expect(nearMeanwhile).toBeGreaterThan(0);
    // A process that was kept from running believes nothing until it has read the feed again.
    if (endurance) expect(nearMeanwhile).toBeGreaterThanOrEqual(0.99 * nearBefore);
  });

  it('T6 is acknowledged at 20,000 a second, and trips no breaker', async () => {
    console.log(`storm: ${Math.round(invalidations / (took / 1_000))} invalidations a second`);
    expectInQuiet(took, (invalidations / invalidationsPerSecond) * 1_000);
    for (const worker of [reader, shortSighted]) expect(await worker.call('refused')).toEqual([]);
  });

  it('T6 leaves a feed within its bound', async () => {
    const bytes = await server.feedBytes();
    console.log(`feed: ${bytes} bytes`);
    expect(bytes).toBeGreaterThan(Math.min(invalidations, maxFeedBytes / 4));
    expect(bytes).toBeLessThan(maxFeedBytes);
  });

  it('T6 leaves idle processes that cost what they cost before: three keys a reading, or six commands', async () => {
    await shortSighted.stop();
    const askedAfter = await askedPerReading([reader, ...storm]);
    console.log(`asked per reading: ${askedBefore.toFixed(2)} before, ${askedAfter.toFixed(2)} after`);
    expect(askedBefore).toBeLessThan(server.mostPerReading);
    expect(askedAfter).toBeLessThan(server.mostPerReading);
  });
});
