import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { MemcacheClient } from 'memcache-client';
import { memcachedStore } from 'nestjs-tiered-cache/memcached';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark } from '../harness.js';
import { startMemcached } from '../support/servers.js';
import { document, openCache, ours, patient } from '../support/subjects.js';

const delayMs = 2;
const fullCount = 100;

export const benchmark: Benchmark = {
  name: 'writes',
  unit: 'ns/op',
  title: 'A set and a delete, far away',
  work: 'set and delete of 1 KB, one after the other, through 2 ms each way',
  meaning:
    'A write is acknowledged when the store has it and the feed names it for the other processes: one trip, as a write that tells nobody. Two milliseconds each way are what lies between two data centres of a region.',
  aims: [
    { of: 'set', atMost: 1.2 },
    { of: 'delete', atMost: 1.2 },
  ],
  limit: 'memcache-client set',
  rounds: 5,
  async prepare(smoke) {
    const server = await startMemcached();
    const far = await farFrom(server.port);
    const client = new MemcacheClient({ server: far.address });
    const cache = await openCache({ store: memcachedStore({ servers: far.address, ...patient }) });
    const value = document(1_000);
    const text = JSON.stringify(value);
    await cache.set('first', value, { ttl: '1h' });
    await client.set('first', text);
    let next = 0;
    const loop = (operation: (key: string) => Promise<unknown>) => () => {
      const count = counted(fullCount, smoke);
      return timed(count, async () => {
        for (let index = 0; index < count; index++) await operation(`content:${next++ % 50}`);
      });
    };
    const subjects = [
      { name: 'memcache-client set', round: loop((key) => client.set(key, text, { lifetime: 3_600 })) },
      {
        name: `${ours} set`,
        round: loop(async (key) => verify(await cache.set(key, value, { ttl: '1h' }), 'a set was not acknowledged')),
      },
      {
        name: `${ours} delete`,
        round: loop(async (key) => verify(await cache.delete(key), 'a delete was not acknowledged')),
      },
    ];
    const close = async (): Promise<void> => {
      client.shutdown();
      await cache.close();
      far.close();
      await server.stop();
    };
    return { comparisons: [{ variant: '', baseline: 'memcache-client set', subjects }], close };
  },
};

/** Passes everything on, each way later by the delay. */
async function farFrom(port: number): Promise<{ readonly address: string; close(): void }> {
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}
