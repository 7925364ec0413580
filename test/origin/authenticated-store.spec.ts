import { describe, expect, it } from '@jest/globals';
import { Integrity } from '../../src/codec/integrity.js';
import { authenticated } from '../../src/origin/authenticated-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { startRedis } from '../support/redis-process.js';
import { patience } from '../support/patience.js';

const integrity = Integrity.of({ keys: [{ id: 'k1', secret: Buffer.alloc(32, 1) }] });

storeContract(
  { describe, it },
  {
    name: 'whose items are signed',
    open: async () => {
      const clock = new FakeClock();
      const store = authenticated(memoryStore({ clock }), integrity);
      await store.open();
      return { store, advance: (ms) => clock.advance(ms), dispose: () => store.close() };
    },
    tooLargeBytes: 2 ** 24,
  },
);

describe('a shard whose items are signed', () => {
  const optional = ['evicts', 'stats', 'keys', 'watchFeed', 'watchItem', 'draw', 'invalidate', 'readFeed', 'readNow'];
  const shardOf = (inner: Shard): Shard => {
    const inMemory = memoryStore();
    const store: Store = { ...inMemory, capabilities: inMemory.capabilities, shards: [inner], shardOf: () => inner };
    return authenticated(store, integrity).shards[0];
  };

  it.each(optional)('has %s where the shard below has it, and only there', (operation) => {
    const inner = memoryStore().shards[0];
    const operations: Record<string, unknown> = Object.fromEntries(optional.map((name) => [name, undefined]));
    const without = Object.assign(Object.create(inner) as Shard, operations);
    expect(typeof shardOf(without)[operation as keyof Shard]).toBe('undefined');
    const withIt = Object.assign(Object.create(inner) as Shard, operations, { [operation]: () => operation });
    expect(typeof shardOf(withIt)[operation as keyof Shard]).toBe('function');
  });

  it.each<[string, readonly unknown[]]>([
    ['remove', ['k', { session: 1, number: 2 }]],
    ['increment', ['k', 1, 2, 3]],
    ['touch', ['k', 1]],
    ['draw', ['k', 1, 2]],
    ['evicts', []],
    ['stats', []],
    ['keys', ['prefix']],
    ['watchFeed', ['feed', () => {}, 1]],
    ['watchItem', ['k', () => {}]],
  ])('passes %s on as it is, and its answer', (operation, given) => {
    const answer = {};
    const asked: unknown[][] = [];
    const operations = { [operation]: (...args: unknown[]) => (asked.push(args), answer) };
    const shard: object = shardOf(Object.assign(Object.create(memoryStore().shards[0]) as Shard, operations));
    expect(Reflect.apply(Reflect.get(shard, operation) as () => unknown, shard, given)).toBe(answer);
    expect(asked).toEqual([given]);
  });
});

it('look-ups of one turn leave together though they are signed, and each is verified by itself', async () => {
  const server = await startRedis();
  const cache = await buildCache({ store: redisStore({ url: server.url, ...patience }), integrity, process: false });
  const keys = Array.from({ length: 32 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => cache.set(key, `value of ${key}`)));
  const copied = (await server.command('GET', cache.storeKey('k1'))) as Buffer;
  await server.command(
    'SET',
    cache.storeKey('k1'),
    Buffer.from(copied.toString('latin1').replace('of k1', 'of it'), 'latin1'),
  );
  await server.command('CONFIG', 'RESETSTAT');
  const faults = recordEvents('fault');
  const found = await Promise.all(keys.map((key) => cache.getOrSet(key, () => `loaded ${key}`)));
  faults.stop();
  expect(found).toEqual(keys.map((key) => (key === 'k1' ? 'loaded k1' : `value of ${key}`)));
  expect(faults.of('fault').map(({ kind }) => kind)).toContain('unauthentic');
  const calls = /^calls=(\d+)/.exec((await server.info('commandstats'))['cmdstat_mget'] ?? '')?.[1];
  // All, and once more the one that nobody has signed.
  expect(Number(calls)).toBe(2);
  await cache.close();
  await server.stop();
});
