import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FeedReading, Mark } from '../../../src/store/feed.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import { expectGapAfter, expectNoGap } from '../../support/feed-gap.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { patience } from '../../support/patience.js';

let server: RedisProcess;
let store: Store;
let shard: Shard;

beforeEach(async () => {
  server = await startRedis();
  store = redisStore({ url: server.url, ...patience });
  await store.open();
  shard = store.shards[0];
});
afterEach(async () => {
  await store.close();
  await server.stop();
});

const append = async (name: string): Promise<void> => {
  await shard.invalidate?.({ feed: 'ns', changes: [{ remove: 'k' }], records: [Buffer.from(name)], watch: 'w' });
};
const read = async (since?: Mark): Promise<FeedReading> =>
  (await shard.readFeed?.({ feed: 'ns', since, watch: 'w', maxBehindBytes: 2 ** 20 })) as FeedReading;
const segmentOf = (mark: Mark | undefined): string => `ns~feed:${mark?.number}`;
const isGone = (key: string): Promise<void> =>
  eventually(async () => expect(await server.command('EXISTS', key)).toBe(0));
/** The first command on the connection that died may still find it. */
const reconnected = (): Promise<unknown> => eventually(() => append('any'));
/** Whatever may be evicted goes: less memory is permitted than the server needs for itself. */
async function evictAll(policy: string): Promise<void> {
  await server.command('CONFIG', 'SET', 'maxmemory-policy', policy, 'maxmemory', '100kb');
  await server.command('SET', 'filler', 'x').catch(() => undefined);
  await isGone('ns~feed');
  await server.command('CONFIG', 'SET', 'maxmemory', '0');
}

describe('T17 a reader knows, or is told that it can not, when there is lost', () => {
  it.each<[string, (mark: Mark | undefined) => Promise<unknown>]>([
    ['the segment', (mark) => server.command('DEL', segmentOf(mark))],
    ['the counter', () => server.command('DEL', 'ns~feed')],
    ['the counter and the segment', (mark) => server.command('DEL', 'ns~feed', segmentOf(mark))],
    [
      'the segment, in whose place another program has put a list',
      async (mark) => {
        await server.command('DEL', segmentOf(mark));
        await server.command('RPUSH', segmentOf(mark), 'x');
      },
    ],
    ['everything, flushed', () => server.command('FLUSHALL')],
    ['everything, by a restart', () => server.restart().then(reconnected)],
    [
      'the segment, whose life is over',
      async (mark) => {
        await server.command('PEXPIRE', segmentOf(mark), 1);
        await isGone(segmentOf(mark));
      },
    ],
    [
      'the counter, whose life is over',
      async () => {
        await server.command('PEXPIRE', 'ns~feed', 1);
        await isGone('ns~feed');
      },
    ],
    ['everything, evicted', () => evictAll('allkeys-lru')],
  ])('%s', (_, lose) => expectGapAfter(lose, { append, read }));

  it('what came after a snapshot that it comes back from', async () => {
    await append('a');
    const { mark } = await read();
    await server.command('SAVE');
    await append('b');
    await server.restart();
    const after = await eventually(() => read(mark));
    expect([typeof after.gap, after.records]).toEqual(['string', []]);
    await append('c');
    expect((await read(after.mark)).records.map(String)).toEqual(['c']);
  });

  it('nothing: what was appended since is told, and no gap', () => expectNoGap({ append, read }));

  it('one segment while nobody writes: only one reading is a gap', async () => {
    await append('a');
    const { mark } = await read();
    await server.command('DEL', segmentOf(mark));
    const first = await read(mark);
    expect(first.gap).toBeDefined();
    expect((await read(first.mark)).gap).toBeUndefined();
  });

  it('nothing on a server that is full and evicts nothing: what takes no memory of its own is acknowledged and told', async () => {
    let { mark } = await read();
    await server.command('CONFIG', 'SET', 'maxmemory', '100kb');
    await expect(server.command('SET', 'filler', 'x')).rejects.toThrow(/OOM/);
    for (let round = 0; round < 20; round++) {
      const names = Array.from({ length: 5 }, (_, index) => `${round}:${index}:${'n'.repeat(500)}`);
      await Promise.all(names.map((name) => append(name)));
      const reading = await read(mark);
      expect(reading.gap).toBeUndefined();
      expect(reading.records.map(String).sort()).toEqual(names.sort());
      ({ mark } = reading);
    }
  });
});
