import { afterEach, expect, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { patience } from '../../support/patience.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';

let server: RedisProcess;
let store: Store;

afterEach(async () => {
  await store.close();
  await server.stop();
});

async function listed(prefix: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const key of store.shards[0].keys?.(prefix) ?? []) found.add(key);
  return [...found].sort();
}

it('A listing takes a prefix as it stands, leaves out what others keep, and goes on after a page', async () => {
  server = await startRedis();
  const options = { url: server.url, keyPrefix: 'app*[a]:', ...patience };
  store = redisStoreWith(options, { driver: () => testedDriver('built-in') });
  await store.open();
  const odd = ['a[b]*?\\:1', 'a[b]*?\\:2'];
  for (const key of [...odd, 'ab:1', 'abc?\\:1']) {
    await store.shards[0].write(key, Buffer.from('x'), { lifeMs: 60_000 });
  }
  await server.command('SET', 'app*[a]:with a space', 'x');
  await server.command('SET', 'appa:a[b]*?\\:3', 'x');
  await server.command('RPUSH', 'app*[a]:a[b]*?\\:list', 'x');
  expect(await listed('a[b]*?\\:')).toEqual([...odd, 'a[b]*?\\:list'].sort());
  expect(await listed('')).toEqual([...odd, 'a[b]*?\\:list', 'ab:1', 'abc?\\:1'].sort());
  const many = Array.from({ length: 2_500 }, (_, index) => [`app*[a]:many:${index}`, 'x']);
  await server.command('MSET', ...many.flat());
  expect(await listed('many:')).toHaveLength(2_500);
});
