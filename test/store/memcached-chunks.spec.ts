import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

const forever = { lifeMs: Infinity };
const keys = Array.from({ length: 200 }, (_, index) => `key:${index}`);
const valueOf = (key: string): Buffer => Buffer.from(`${key} `.repeat(100));

let server: MemcachedProcess;
beforeAll(async () => {
  server = await startMemcached();
});
afterAll(() => server.stop());

/** Hands the server's replies on in pieces of these sizes, each when the one before has arrived. */
async function startCutter(sizes: readonly number[]): Promise<Server> {
  const cutter = createServer((client: Socket) => {
    const upstream = connect({ port: server.port, host: '127.0.0.1' });
    client.pipe(upstream);
    client.setNoDelay(true);
    const relay = async (): Promise<void> => {
      let turn = 0;
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length;) {
          const end = at + (sizes[turn++ % sizes.length] as number);
          await new Promise((resolve) => client.write(chunk.subarray(at, end), resolve));
          await new Promise((resolve) => setImmediate(resolve));
          at = end;
        }
      }
      client.end();
    };
    relay().catch(() => client.destroy());
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
  });
  cutter.listen(0, '127.0.0.1');
  await once(cutter, 'listening');
  return cutter;
}

describe.each([
  ['as they come', []],
  ['of few bytes', [1, 2, 3, 700, 29]],
  ['of a value and a half', [1_500, 60, 4_000]],
])('in chunks %s', (_, sizes: number[]) => {
  let cutter: Server | undefined;
  let store: Store;
  let shard: Shard;
  beforeEach(async () => {
    cutter = sizes.length > 0 ? await startCutter(sizes) : undefined;
    const port = cutter ? (cutter.address() as AddressInfo).port : server.port;
    store = memcachedStore({ servers: `127.0.0.1:${port}`, ...patience });
    shard = store.shards[0];
    await store.open();
    await Promise.all(keys.map((key) => shard.write(key, valueOf(key), forever)));
  });
  afterEach(async () => {
    await store.close();
    cutter?.close();
  });

  it('what was read stays what it is when the next chunks come', async () => {
    const earlier = await shard.readMany(keys.slice(0, 100));
    const later = await shard.readMany(keys.slice(100));
    expect([...earlier, ...later].map((item) => item?.bytes.toString())).toEqual(
      keys.map((key) => valueOf(key).toString()),
    );
  });

  it('an entry that needs more than its item is decoded once that has come', async () => {
    const cache = await buildCache({ store, process: false });
    await Promise.all(keys.map((key) => cache.set(key, { of: key }, { ttl: '1h', tags: [`tag of ${key}`] })));
    const never = (): never => {
      throw new Error('it was loaded');
    };
    const found = await Promise.all(keys.map((key) => cache.getOrSet<{ of: string }>(key, never)));
    expect(found.map(({ of }) => of)).toEqual(keys);
    await cache.close();
  });
});
