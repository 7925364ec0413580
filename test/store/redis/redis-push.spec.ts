import { afterEach, describe, expect, it } from '@jest/globals';
import type { Mark } from '../../../src/store/feed.js';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Shard } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const feed = 'ns';
const watch = 'ns~versions';

async function shardOn(server: RedisProcess, driver: TestedDriver, wakesAnew = true): Promise<Shard> {
  const options = { url: server.url, ...patience };
  const store = redisStoreWith(options, { driver: () => testedDriver(driver), wakesAnew });
  await store.open();
  endings.push(() => store.close());
  return store.shards[0];
}

/** Reads the feed when it is woken, and at no other time. */
class Reader {
  readonly seen = new Map<string, number>();
  gaps = 0;
  private mark: Mark | undefined;
  private reading: Promise<void> | undefined;
  private again = false;

  constructor(private readonly shard: Shard) {}

  async start(): Promise<void> {
    await this.read();
    const stop = this.shard.watchFeed?.(feed, () => this.wake());
    endings.push(async () => stop?.());
  }

  get isIdle(): boolean {
    return this.reading === undefined;
  }

  private wake(): void {
    this.again = this.reading !== undefined;
    this.reading ??= this.read()
      .catch(() => {})
      .finally(() => {
        this.reading = undefined;
        if (this.again) this.wake();
      });
  }

  private async read(): Promise<void> {
    const reading = await this.shard.readFeed?.({ feed, since: this.mark, watch, maxBehindBytes: 2 ** 22 });
    this.mark = reading?.mark;
    if (reading?.gap !== undefined) this.gaps++;
    for (const record of reading?.records ?? []) this.seen.set(record.toString(), performance.now());
  }
}

const deletes = process.env['ENDURANCE'] === '1' ? 4_000 : 1_000;

/** Deletes, while the connections that listen are killed again and again; the last one right before the last delete. */
async function run(
  driver: TestedDriver,
  wakesAnew = true,
): Promise<{ missed: () => number; delays: () => number[]; gaps: number }> {
  const server = await startRedis();
  endings.push(() => server.stop());
  const writer = await shardOn(server, driver);
  const reader = new Reader(await shardOn(server, driver, wakesAnew));
  await reader.start();
  await eventually(async () => expect(await server.text('PUBSUB', 'NUMSUB', `${feed}~feed`)).toBe(`${feed}~feed,1`));
  const began = new Map<string, number>();
  const remove = async (name: string): Promise<void> => {
    began.set(name, performance.now());
    await writer.invalidate?.({ feed, changes: [{ remove: name }], records: [Buffer.from(name)], watch });
  };
  for (let index = 0; index < deletes; index++) {
    if (index % (deletes / 20) === deletes / 40) await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await remove(`k${index}`);
  }
  await eventually(async () => expect(await server.text('PUBSUB', 'NUMSUB', `${feed}~feed`)).toBe(`${feed}~feed,1`));
  await remove('last-but-one');
  // Nothing is under way that could find the last without being woken by it.
  await eventually(() => expect([reader.seen.has('last-but-one'), reader.isIdle]).toEqual([true, true]));
  await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await remove('last');
  await eventually(async () => expect(await server.text('PUBSUB', 'NUMSUB', `${feed}~feed`)).toBe(`${feed}~feed,1`));
  return {
    missed: () => [...began.keys()].filter((name) => !reader.seen.has(name)).length,
    delays: () => [...began].map(([name, at]) => (reader.seen.get(name) ?? Infinity) - at).sort((a, b) => a - b),
    gaps: reader.gaps,
  };
}

describe.each(['built-in', '@redis/client 6'] as const)('Wake-ups through %s', (driver) => {
  it('name everything that was deleted while those who listen were cut off again and again', async () => {
    const { missed, delays, gaps } = await run(driver);
    await eventually(() => expect(missed()).toBe(0));
    const sorted = delays();
    const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? NaN).toFixed(2);
    console.log(
      `R3 ${driver}: ${deletes} deletes, 21 cuts: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
    );
    expect(gaps).toBe(0);
  });

  it('(−) miss the last where nobody is woken after a new subscription', async () => {
    const { missed } = await run(driver, false);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(missed()).toBe(1);
  });
});
