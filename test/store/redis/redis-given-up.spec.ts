import { connect } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Shard } from '../../../src/store/store.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';
import { driverNames, testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const delayMs = 1_000;

async function serverAndProxy() {
  const server = await startRedis();
  endings.push(() => server.stop());
  const proxy = await startTcpProxy(server.port);
  endings.push(() => proxy.close());
  return { server, proxy };
}

const storeOn = (address: string, driver: TestedDriver, commandTimeout: number) =>
  redisStoreWith(
    { url: `redis://${address}`, commandTimeout, connectTimeout: 5_000 },
    { driver: () => testedDriver(driver) },
  );

it('T15 a connection that is given up takes back what is still under way, through each client', async () => {
  const { server, proxy } = await serverAndProxy();
  const shards = await Promise.all(
    driverNames.map(async (driver): Promise<[TestedDriver, Shard]> => {
      const store = storeOn(proxy.address, driver, 100);
      endings.push(() => store.close());
      await eventually(async () => {
        await store.open();
        await store.shards[0].readMany(['a']);
      });
      return [driver, store.shards[0]];
    }),
  );
  const closed = connect(proxy.port, '127.0.0.1');
  await new Promise((resolve) => closed.once('connect', resolve));
  proxy.delay(delayMs);
  const written = shards.map(([driver, shard]) =>
    shard.write(`given up by ${driver.replace(' ', '-')}`.replaceAll(' ', '-'), Buffer.from('OLD'), {
      lifeMs: 600_000,
    }),
  );
  for (const each of written) await expect(each).rejects.toThrow(/no answer within 100 ms/);
  // Sent after them, and closed in order: it arrives.
  await new Promise((resolve) => closed.write('SET closed OLD\r\n', resolve));
  closed.end();
  await eventually(async () => expect(await server.text('GET', 'closed')).toBe('OLD'));
  expect((await server.command('KEYS', '*')) as readonly unknown[]).toHaveLength(1);
});

it.each([
  ['is reset', false, undefined],
  ['(−) is not taken back', true, 'old'],
])(
  'T15 a `set` whose connection %s is never served after a removal that was acknowledged meanwhile',
  async (_, lands, seen) => {
    const { server, proxy } = await serverAndProxy();
    const far = storeOn(proxy.address, 'built-in', 100);
    const near = storeOn(server.address, 'built-in', 5_000);
    const [writer, other] = [
      await buildCache({ store: far, process: false, coherence: { interval: 60_000 } }),
      await buildCache({ store: near, process: false, coherence: { interval: 60_000 } }),
    ];
    endings.push(
      () => writer.close(),
      () => other.close(),
    );
    await eventually(async () => expect(await writer.set('k', 'first', { ttl: '10m' })).toBe(true));
    const writes = async (): Promise<number> => Number((await server.info('stats'))['total_connections_received']);
    if (lands) proxy.deliverAfterReset();
    proxy.delay(delayMs);
    expect(await writer.set('k', 'old', { ttl: '10m' })).toBe(false);
    const givenUpAt = performance.now();
    // Its process has gone as well: nobody sends a removal after it.
    await proxy.refuse(true);
    await writer.close();
    expect(await other.delete('k')).toBe(true);
    expect(await other.get('k')).toBeUndefined();
    const answers = new Set<unknown>();
    await eventually(async () => {
      answers.add(await other.get('k'));
      expect(performance.now() - givenUpAt).toBeGreaterThan(delayMs + 300);
    });
    expect([...answers].at(-1)).toBe(seen);
    expect(await writes()).toBeGreaterThan(0);
  },
);
