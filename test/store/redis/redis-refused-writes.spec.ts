import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { CacheLock } from '../../../src/lock/cache-lock.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { recordEvents } from '../../../src/testing/event-recorder.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { patience } from '../../support/patience.js';
import { startReplica } from '../../support/redis-fleet.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { startTcpProxy } from '../../support/tcp-proxy.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function storeOn({ url }: Pick<RedisProcess, 'url'>): Promise<Store> {
  const store = redisStore({ url, ...patience });
  await store.open();
  endings.push(() => store.close());
  return store;
}

async function cacheOn(redis: Pick<RedisProcess, 'url'>): Promise<TieredCache> {
  const cache = await buildCache({ store: await storeOn(redis), process: false });
  endings.push(() => cache.close());
  return cache;
}

/** Each makes the server refuse writes, and answer reads. */
const reasons: [string, (server: RedisProcess) => Promise<void>][] = [
  ['NOREPLICAS', async (server) => void (await server.command('CONFIG', 'SET', 'min-replicas-to-write', 1))],
  [
    'MISCONF',
    async (server) => {
      await server.command('CONFIG', 'SET', 'save', '3600 1');
      rmSync(server.directory, { recursive: true });
      await server.command('BGSAVE');
      await eventually(async () => {
        const { rdb_bgsave_in_progress: saving, rdb_last_bgsave_status: status } = await server.info('persistence');
        expect({ saving, status }).toEqual({ saving: '0', status: 'err' });
      });
    },
  ],
];

describe.each(reasons)('A server that refuses writes (%s) and answers reads', (code, refuseWrites) => {
  async function refusing(): Promise<{ server: RedisProcess; cache: TieredCache }> {
    const server = await startRedis();
    endings.push(() => server.stop());
    const cache = await cacheOn(server);
    await cache.set('k', 'kept', { ttl: 600_000 });
    await refuseWrites(server);
    await expect(server.command('SET', 'x', 'y')).rejects.toThrow(code);
    return { server, cache };
  }

  it('is read by a process that connects again, and by one that starts', async () => {
    const { server, cache } = await refusing();
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(async () => expect(await cache.get('k')).toBe('kept'));
    const started = await cacheOn(server);
    expect(await started.get('k')).toBe('kept');
  });

  it('is said once, and left alone by no breaker, whatever is missed there', async () => {
    const { cache } = await refusing();
    const events = recordEvents('fault', 'breaker');
    endings.push(async () => events.stop());
    for (let miss = 0; miss < 6; miss++) {
      expect(await cache.getOrSet(`new:${miss}`, async () => 'loaded')).toBe('loaded');
    }
    expect(events.of('breaker')).toEqual([]);
    expect(events.of('fault')).toMatchObject([{ kind: 'degraded', message: expect.stringContaining(code) }]);
    expect(await cache.get('k')).toBe('kept');
  });

  it('is read on, and left alone by no breaker, whatever is written there', async () => {
    const { server, cache } = await refusing();
    const locks = new CacheLock({ store: await storeOn(server), namespace: 'test', ttl: 10_000 });
    endings.push(() => locks.shutdown(0));
    const events = recordEvents('fault', 'breaker');
    endings.push(async () => events.stop());
    for (let write = 0; write < 6; write++) {
      expect(await cache.delete(`x:${write}`)).toBe(false);
      expect(await cache.set(`y:${write}`, 'new', { ttl: 600_000 })).toBe(false);
      expect((await locks.acquire(`z:${write}`)).status).toBe('unavailable');
    }
    expect(await cache.get('k')).toBe('kept');
    expect(events.of('breaker')).toEqual([]);
    expect(events.of('fault').filter(({ kind }) => kind === 'unavailable')).toEqual([]);
  });

  it('gives no locks', async () => {
    const { server } = await refusing();
    const locks = new CacheLock({ store: await storeOn(server), namespace: 'test', ttl: 10_000 });
    endings.push(() => locks.shutdown(0));
    expect((await locks.acquire('a')).status).toBe('unavailable');
  });
});

it('A replica that took over, and has none of its own, is read once it takes writes', async () => {
  const old = await startRedis();
  endings.push(() => old.stop());
  const promoted = await startReplica(old.port);
  endings.push(() => promoted.stop());
  const address = await startTcpProxy(old.port);
  endings.push(() => address.close());
  const cache = await cacheOn({ url: `redis://127.0.0.1:${address.port}` });
  await cache.set('k', 'old', { ttl: 600_000 });
  await old.command('SET', 'replicated', 'yes');
  expect(await old.command('WAIT', 1, 30_000)).toBe(1);
  await promoted.command('REPLICAOF', 'NO', 'ONE');
  await promoted.command('CONFIG', 'SET', 'min-replicas-to-write', 1);
  const events = recordEvents('fault');
  endings.push(async () => events.stop());

  address.target = promoted.port;
  address.cut();
  const said = () => events.of('fault').filter(({ kind }) => kind === 'degraded');
  await eventually(async () => {
    expect(await cache.get('k')).toBeUndefined();
    expect(said()).toMatchObject([
      { message: expect.stringContaining('nothing is read from it until it takes writes') },
    ]);
  });
  await promoted.command('CONFIG', 'SET', 'min-replicas-to-write', 0);
  await eventually(async () => {
    expect(await cache.set('k', 'new', { ttl: 600_000 })).toBe(true);
    expect(await cache.get('k')).toBe('new');
  });
  expect(said()).toHaveLength(1);
});
