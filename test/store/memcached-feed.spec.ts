import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { FeedReading, Mark } from '../../src/store/feed.js';
import type { Shard, Store } from '../../src/store/store.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';

let server: MemcachedProcess;
let store: Store;
let shard: Shard;

beforeEach(async () => {
  server = await startMemcached();
  store = memcachedStore({ servers: server.address, connectTimeout: 5_000, commandTimeout: 5_000 });
  await store.open();
  shard = store.shards[0];
});
afterEach(async () => {
  await store.close();
  await server.stop();
});

const append = (name: string) =>
  shard.invalidate?.({ feed: 'ns', changes: [{ remove: name }], records: [Buffer.from(name)], watch: 'w' });
const read = async (since?: Mark): Promise<FeedReading> =>
  (await shard.readFeed?.({ feed: 'ns', since, watch: 'w', maxBehindBytes: 2 ** 20 })) as FeedReading;
const segmentKey = (mark: Mark | undefined): string => `ns~feed:${mark?.number}`;

describe('T17 a reader knows, or is told that it can not, when there is lost', () => {
  it.each<[string, (mark: Mark | undefined) => Promise<unknown>]>([
    ['the segment', (mark) => server.command(`md ${segmentKey(mark)}`)],
    ['the counter', () => server.command('md ns~feed')],
    [
      'the segment, made anew by a rotator that had stood still',
      async (mark) => {
        await server.command(`md ${segmentKey(mark)}`);
        await server.command(`ms ${segmentKey(mark)} 11 T0\r\ntf1 other -\n`);
      },
    ],
    ['everything', () => server.command('flush_all')],
  ])('%s', async (_, lose) => {
    await append('a');
    const { mark } = await read();
    await append('b');
    await lose(mark);
    await append('c');
    const after = await read(mark);
    expect(after.gap).toBeDefined();
    expect(after.records).toEqual([]);
    // It stands somewhere again, and goes on from there.
    await append('d');
    const on = await read(after.mark);
    expect([on.gap, on.records.map(String)]).toEqual([undefined, ['d']]);
  });

  it('nothing: what was appended since is told, and no gap', async () => {
    await append('a');
    const { mark } = await read();
    await append('b');
    const on = await read(mark);
    expect([on.gap, on.records.map(String)]).toEqual([undefined, ['b']]);
  });

  it('mends a segment that is gone while nobody writes, so that only one reading is a gap', async () => {
    await append('a');
    const { mark } = await read();
    await server.command(`md ${segmentKey(mark)}`);
    const first = await read({ ...(mark as Mark), offset: (mark as Mark).offset });
    expect(first.gap).toBeDefined();
    expect((await read(first.mark)).gap).toBeUndefined();
  });
});
