import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { metadump } from '../../src/store/memcached/metadump.js';
import { systemClock } from '../../src/value/clock.js';
import { startMemcached } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

it('Listings wait for each other where a server does one at a time', async () => {
  const server = await startMemcached();
  const store = memcachedStore({ servers: server.address, ...patience });
  await store.open();
  const [shard] = store.shards;
  const keys = Array.from({ length: 50_000 }, (_, index) => `k:${index}`);
  await shard.writeMany?.(
    keys.map((storeKey) => ({ storeKey, bytes: Buffer.from('x'), options: { lifeMs: Infinity } })),
  );
  const listed = async (): Promise<number> => {
    let count = 0;
    for await (const _ of shard.keys?.('k:') ?? []) count++;
    return count;
  };
  expect(await Promise.all([listed(), listed(), listed()])).toEqual([keys.length, keys.length, keys.length]);
  await store.close();
  await server.stop();
});

it('A listing goes on behind the word that later servers begin with', async () => {
  const [server, client] = await socketPair();
  const listing = (async () => {
    const listed: string[] = [];
    for await (const key of metadump(client, 'k:', 10_000, systemClock)) listed.push(key);
    return listed;
  })();
  expect(String((await once(server, 'data'))[0])).toContain('metadump');
  server.write('OK\r\nkey=k%3A1 exp=-1 la=1 cas=1 fetch=no cls=1 size=61\r\nkey=other exp=-1\r\nEND\r\n');
  expect(await listing).toEqual(['k:1']);
  server.destroy();
});

async function socketPair(): Promise<[Socket, Socket]> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(listener, 'connection')) as [Socket];
  listener.close();
  return [accepted, client];
}
