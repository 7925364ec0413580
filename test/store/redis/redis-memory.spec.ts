import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../../src/lock/cache-lock.js';
import { placeLock } from '../../../src/lock/lock-place.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { recordEvents } from '../../../src/testing/event-recorder.js';
import { StoreUnavailableError } from '../../../src/value/errors.js';
import { buildCache } from '../../support/build-cache.js';
import { eventually } from '../../support/eventually.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { patience } from '../../support/patience.js';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function opened(policy: string): Promise<{ server: RedisProcess; store: Store }> {
  const server = await startRedis({ args: ['--maxmemory', '20mb', '--maxmemory-policy', policy] });
  const store = redisStore({ url: server.url, ...patience });
  await store.open();
  endings.push(async () => {
    await store.close();
    await server.stop();
  });
  return { server, store };
}

/** Until the server says that it is full, or has thrown things away. */
async function fill(server: RedisProcess): Promise<void> {
  const bytes = Buffer.alloc(100_000, 'x');
  for (let index = 0; index < 1_000; index++) {
    const answer = await server
      .command('SET', `filler:${index}`, bytes, 'PX', '600000')
      .catch((error: Error) => error.message);
    // What it needs for its clients comes and goes: it is made fuller than full.
    if (String(answer).startsWith('OOM')) return void (await server.command('CONFIG', 'SET', 'maxmemory', '15mb'));
    if (index % 50 === 49 && Number((await server.info('stats'))['evicted_keys']) > 20) return;
  }
  throw new Error('the server was never full');
}

describe.each(['allkeys-lru', 'volatile-lru', 'noeviction'])(
  'R5 A server with the policy %s that is full',
  (policy) => {
    it('goes on answering reads, and takes away what is deleted', async () => {
      const { server, store } = await opened(policy);
      const cache = await buildCache({ store, process: false });
      endings.push(() => cache.close());
      await cache.set('kept', 'value', { ttl: 600_000 });
      await fill(server);
      const load = async (): Promise<string> => 'loaded';
      for (let round = 0; round < 10; round++) {
        expect(await cache.getOrSet(`new:${round}`, load)).toBe('loaded');
        // Evicted perhaps, and never an error.
        expect(['value', undefined]).toContain(await cache.get('kept'));
      }
      if (policy === 'noeviction') expect(await cache.get('kept')).toBe('value');
      expect(await cache.delete('kept')).toBe(true);
      expect(await cache.get('kept')).toBeUndefined();
    });

    it('says whether it evicts locks, or gives none', async () => {
      const { server, store } = await opened(policy);
      const events = recordEvents('fault');
      endings.push(async () => events.stop());
      await fill(server);
      const lock = new CacheLock({ store, namespace: 'test', ttl: 10_000 });
      const { status } = await lock.acquire('a');
      if (policy === 'noeviction') expect(status).toBe('unavailable');
      else expect(status).toBe('acquired');
      const said = await eventually(() => {
        const about = events.of('fault').filter(({ kind }) => kind === 'evicts-locks' || kind === 'degraded');
        expect(about.length).toBeGreaterThan(0);
        return about;
      });
      expect(said.map(({ kind }) => kind)).toEqual([policy === 'noeviction' ? 'degraded' : 'evicts-locks']);
      expect(said[0]?.message).toMatch(
        policy === 'noeviction' ? /is full and evicts nothing/ : /maxmemory-policy noeviction/,
      );
      expect(await store.shards[0].evicts?.()).toBe(policy !== 'noeviction');
      await lock.shutdown(0);
    });
  },
);

describe('R5 A server that refuses for a moment, since it is full (noeviction),', () => {
  it('keeps a lock whose renewal it has no memory for, and renews it as soon as it has', async () => {
    const { server, store } = await opened('noeviction');
    const locks = new CacheLock({ store, namespace: 'test', ttl: '60s', deadline: '5s' });
    endings.push(() => locks.shutdown(0));
    const outcome = await locks.acquire('a', { renew: false });
    if (outcome.status !== 'acquired') throw new Error(`it was ${outcome.status}`);
    const { lease } = outcome;
    const { shard, lockKey, fencingKey } = placeLock(store, 'test', 'a');
    await fill(server);
    expect(await lease.renew()).toBe(false);
    expect(await shard.readMany([lockKey])).toEqual([expect.anything()]);
    expect(lease.signal.aborted).toBe(false);
    await expect(lease.raiseFencingToken(lease.fencingToken)).rejects.toThrow(StoreUnavailableError);
    expect(await shard.readMany([fencingKey])).toMatchObject([{ bytes: Buffer.from(`${lease.fencingToken}`) }]);
    expect((await locks.acquire('a')).status).toBe('held');
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await lease.renew()).toBe(true);
    expect(await lease.release()).toBe('released');
  });

  it.each([true, false])('keeps what is irreplaceable alone, and nothing else: %p', async (irreplaceable) => {
    const { server, store } = await opened('noeviction');
    const [shard] = store.shards;
    const lifeMs = 600_000;
    const standing = await shard.write('k', Buffer.from('old'), { lifeMs });
    if (standing.status !== 'stored') throw new Error(`it was ${standing.status}`);
    await fill(server);
    const write = shard.write('k', Buffer.from('new'), { lifeMs, irreplaceable, only: standing.revision });
    if (irreplaceable) await expect(write).rejects.toThrow(StoreUnavailableError);
    else expect(await write).toEqual({ status: 'changed' });
    const [stands] = await shard.readMany(['k']);
    expect(stands?.bytes.toString()).toBe(irreplaceable ? 'old' : undefined);
  });
});

it('A write that finds no memory takes away what it would have replaced, and names it', async () => {
  const { server, store } = await opened('noeviction');
  const [shard] = store.shards;
  const question = { feed: 'ns', watch: 'ns~versions', maxBehindBytes: 2 ** 20 };
  const before = await shard.readFeed?.({ ...question, since: undefined });
  await shard.write('k', Buffer.from('old'), { lifeMs: 600_000 });
  await fill(server);
  const write = { write: 'k', bytes: Buffer.from('new'), options: { lifeMs: 600_000 } };
  const told = shard.invalidate?.({ feed: 'ns', watch: 'ns~versions', changes: [write], records: [Buffer.from('k')] });
  await expect(told).rejects.toThrow(StoreUnavailableError);
  expect(await shard.readMany(['k'])).toEqual([undefined]);
  const after = await shard.readFeed?.({ ...question, since: before?.mark });
  expect(after?.records.map(String)).toEqual(['k']);
});
