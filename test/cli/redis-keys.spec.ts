import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { defaultStore } from '../../src/cache/configuration/default-store.js';
import { readStoreEnvironment } from '../../src/cache/configuration/environment.js';
import { runCommand } from '../../src/cli/run-command.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { patience } from '../support/patience.js';
import { startRedisCluster } from '../support/redis-fleet.js';
import type { RedisClusterProcesses } from '../support/redis-fleet.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

const life = { ttl: '1h', tags: ['words'] } as const;

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const code = await runCommand([...args, '--namespace', 'test', '--package-version', '1.0.0'], {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
  });
  return { code, ...printed };
}

/** With these variables of the environment. */
async function runWith(variables: Readonly<Record<string, string>>, ...args: string[]): ReturnType<typeof run> {
  Object.assign(process.env, variables);
  try {
    return await run(...args);
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

const caches: TieredCache[] = [];
afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

async function application(options: RedisStoreOptions): Promise<TieredCache> {
  const cache = await buildCache({ store: redisStore({ ...options, ...patience }), process: false });
  caches.push(cache);
  return cache;
}

describe('tiered-cache on a Redis whose keys have a prefix', () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it.each<[string, () => { given: string[]; variables: Record<string, string> }]>([
    ['options', () => ({ given: ['--redis', server.url, '--key-prefix', 'cache:'], variables: {} })],
    [
      'the environment',
      () => ({ given: [], variables: { CACHE_REDIS_URL: server.url, CACHE_REDIS_KEY_PREFIX: 'cache:' } }),
    ],
  ])('finds and changes what the application keeps there, by %s', async (_, how) => {
    const { given, variables } = how();
    const cache = await application({ url: server.url, keyPrefix: 'cache:' });
    for (const key of ['one', 'two', 'three']) await cache.set(key, key, life);
    const list = await runWith(variables, 'list', ...given);
    expect(list.out).toContain('three');
    expect(await runWith(variables, 'get', 'one', ...given)).toMatchObject({ code: 0 });
    expect(await runWith(variables, 'delete', 'one', ...given)).toMatchObject({ code: 0 });
    expect([await cache.get('one'), await cache.get('two')]).toEqual([undefined, 'two']);
    expect(await runWith(variables, 'invalidate-tags', 'words', ...given)).toMatchObject({ code: 0 });
    expect(await cache.get('two')).toBeUndefined();
    await cache.set('two', 'again', life);
    expect(await runWith(variables, 'clear', '--yes', ...given)).toMatchObject({ code: 0 });
    await eventually(async () => expect(await cache.get('two')).toBeUndefined());
  });

  it('is what an application without a store of its own uses, too', async () => {
    const variables = { CACHE_REDIS_URL: server.url, CACHE_REDIS_KEY_PREFIX: 'own:' };
    const { store } = await defaultStore(readStoreEnvironment(variables));
    const cache = await buildCache({ store, process: false });
    caches.push(cache);
    await cache.set('kept', 1, life);
    const keys = String(await server.command('KEYS', '*kept'));
    expect(keys).toBe('own:test:1.0.0::kept');
    expect(await runWith(variables, 'get', 'kept')).toMatchObject({ code: 0 });
  });

  it.each<[string[], Record<string, string>, RegExp]>([
    [['--redis', 'redis://127.0.0.1:1', '--key-prefix', 'a b'], {}, /--key-prefix: it has other characters/],
    [['--redis', 'redis://127.0.0.1:1', '--partitions', 'many'], {}, /--partitions: it is not a number of partitions/],
    [['--redis', 'redis://127.0.0.1:1'], { CACHE_REDIS_KEY_PREFIX: 'a b' }, /CACHE_REDIS_KEY_PREFIX: it has other/],
    [['--redis', 'redis://127.0.0.1:1'], { CACHE_REDIS_PARTITIONS: '0' }, /CACHE_REDIS_PARTITIONS: it is not a number/],
    [['--servers', '127.0.0.1:1', '--key-prefix', 'a'], {}, /--key-prefix is for Redis/],
    [['--servers', '127.0.0.1:1', '--partitions', '6'], {}, /--partitions is for Redis/],
  ])('is refused where it can not be: %j', async (given, variables, problem) => {
    const refused = await runWith(variables, 'stats', ...given);
    expect(refused).toMatchObject({ code: 2, err: expect.stringMatching(problem) });
  });

  it('is refused by the application as well', async () => {
    const store = (variables: Record<string, string>): Promise<unknown> =>
      defaultStore(readStoreEnvironment({ CACHE_REDIS_URL: server.url, ...variables }));
    await expect(store({ CACHE_REDIS_KEY_PREFIX: '{x}' })).rejects.toThrow(/^CACHE_REDIS_KEY_PREFIX: /);
    await expect(store({ CACHE_REDIS_PARTITIONS: '1.5' })).rejects.toThrow(/^CACHE_REDIS_PARTITIONS: /);
  });
});

describe('tiered-cache on a cluster with another number of partitions', () => {
  let cluster: RedisClusterProcesses;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster.stop());

  it.each(['--partitions', 'CACHE_REDIS_PARTITIONS'])('finds what the application keeps there, by %s', async (by) => {
    const url = cluster.nodes[0]?.url ?? '';
    const clusterUrl = `${url},${cluster.nodes[1]?.address}`;
    const cache = await application({ url: clusterUrl, partitions: 6 });
    for (let index = 0; index < 10; index++) await cache.set(`key ${index}`, index, life);
    const variables: Record<string, string> = by === '--partitions' ? {} : { [by]: '6' };
    const given = ['--redis', clusterUrl, ...(by === '--partitions' ? [by, '6'] : [])];
    for (let index = 0; index < 10; index++) {
      expect(await runWith(variables, 'get', JSON.stringify([`key ${index}`]), ...given)).toMatchObject({ code: 0 });
    }
  });
});
