import { afterEach, describe, expect, it } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { ItemAsk } from '../../src/store/item-ask.js';
import type { ItemAnswer } from '../../src/store/item-ask.js';
import type { Shard, Store } from '../../src/store/store.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const commandTimeout = 300;
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

class Question extends ItemAsk {
  readonly answered: Promise<number>;
  private settle!: { bytes: (length: number) => void; fail: (error: unknown) => void };

  constructor(storeKey: string) {
    super(storeKey, 60_000);
    this.answered = new Promise((bytes, fail) => (this.settle = { bytes, fail }));
  }

  protected override take({ start, end }: ItemAnswer): void {
    this.settle.bytes(end - start);
  }

  protected override fail(error: unknown): void {
    this.settle.fail(error);
  }
}

/** How long each item is. All are asked for in one turn. */
async function lengthsOf(shard: Shard, keys: readonly string[]): Promise<unknown[]> {
  return (await shard.readMany(keys)).map((item) => item?.bytes.length);
}

function ask(shard: Shard, keys: readonly string[]): Promise<number>[] {
  const questions = keys.map((key) => new Question(key));
  expect(shard.readInto?.(questions)).toBe(true);
  return questions.map(({ answered }) => answered);
}

/** As `lengthsOf`, each answered where it lies. */
const lengthsWhereTheyLie = (shard: Shard, keys: readonly string[]): Promise<number[]> => Promise.all(ask(shard, keys));

/** 640 items of 2 KB, behind a line that can be made narrow. */
async function behindALine(name: 'memcached' | 'redis') {
  const server = name === 'memcached' ? await startMemcached() : await startRedis();
  endings.push(() => server.stop());
  const proxy = await startTcpProxy(server.port);
  endings.push(() => proxy.close());
  const storeAt = (address: string, timeout: number): Store => {
    const patience = { commandTimeout: timeout, connectTimeout: 10_000 };
    return name === 'memcached'
      ? memcachedStore({ servers: address, ...patience })
      : redisStore({ url: `redis://${address}`, ...patience });
  };
  const openShard = async (address: string, timeout: number): Promise<Shard> => {
    const store = storeAt(address, timeout);
    endings.push(() => store.close());
    await store.open();
    await store.shards[0].readMany(['none']);
    return store.shards[0];
  };
  const writer = await openShard(`127.0.0.1:${server.port}`, 10_000);
  const keys = Array.from({ length: 640 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => writer.write(key, Buffer.alloc(2_048, key), { lifeMs: 3_600_000 })));
  return { proxy, keys, shard: await openShard(proxy.address, commandTimeout) };
}

const everyMs = 50;
/** 1.3 MB in 20 pieces: three times as long as a command may take. */
const narrowed = (proxy: TcpProxy, pieces?: number): void => proxy.narrow(65_536, everyMs, pieces);

describe('Answers that take longer than a command may', () => {
  it.each([
    ['of memcached', 'memcached', lengthsWhereTheyLie],
    ['of Redis', 'redis', lengthsWhereTheyLie],
    ['of Redis, read by themselves', 'redis', lengthsOf],
  ] as const)('are read to the end, as long as one comes after another: %s', async (_, name, read) => {
    const { proxy, keys, shard } = await behindALine(name);
    narrowed(proxy);
    expect(await read(shard, keys)).toEqual(keys.map(() => 2_048));
    expect(proxy.accepted).toBe(1);
  });

  it.each(['memcached', 'redis'] as const)(
    'are read to the end, though they waited behind others for so long: %s',
    async (name) => {
      const { proxy, keys, shard } = await behindALine(name);
      // 2.6 MB in 142 pieces: 23 times as long as a command may take.
      proxy.narrow(18_432, everyMs);
      const before = ask(shard, keys);
      await before[100];
      const behind = lengthsWhereTheyLie(shard, keys);
      expect(await Promise.all(before)).toEqual(keys.map(() => 2_048));
      expect(await behind).toEqual(keys.map(() => 2_048));
      expect(proxy.accepted).toBe(1);
    },
  );

  it('are given up after twenty deadlines, though one comes after another: of memcached and of Redis', async () => {
    await Promise.all(
      (['memcached', 'redis'] as const).map(async (name) => {
        const { proxy, keys, shard } = await behindALine(name);
        // 1.3 MB in 640 pieces: for half a minute.
        proxy.narrow(2_048, everyMs);
        await expect(lengthsWhereTheyLie(shard, keys)).rejects.toThrow(
          `not all answers came within ${20 * commandTimeout} ms`,
        );
      }),
    );
  });

  it.each(['memcached', 'redis'] as const)('are given up once no more come: %s', async (name) => {
    const { proxy, keys, shard } = await behindALine(name);
    narrowed(proxy, 3);
    await expect(lengthsWhereTheyLie(shard, keys)).rejects.toThrow(`no answer within ${commandTimeout} ms`);
  });
});
