import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

let server: MemcachedProcess;
let cache: TieredCache;
beforeAll(async () => void (server = await startMemcached()));
afterAll(() => server.stop());
beforeEach(async () => {
  await server.command('flush_all');
  cache = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }), process: false });
});
afterEach(() => cache.close());

const leave = (text: string): Promise<string> =>
  server.command(`set ${cache.storeKey('a')} 0 0 ${text.length}\r\n${text}`);
const never = (): never => {
  throw new Error('it was loaded');
};

it('A text that another program left under a key on memcached is replaced by the next load', async () => {
  expect(await leave('hello')).toBe('STORED');
  expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
  expect(await cache.get('a')).toBe('loaded');
});

it('An empty text there looks like somebody’s load, and holds others up to maxLoad', async () => {
  expect(await leave('')).toBe('STORED');
  await expect(cache.getOrSet('a', never, { maxLoad: '1s' })).rejects.toMatchObject({
    code: 'LOAD_TIMEOUT',
    limit: 'maxLoad',
  });
});

it.each<[string, () => Promise<unknown>]>([
  ['a deletion', () => cache.delete('a')],
  ['a write', () => cache.set('a', 'new')],
  ['a refresh', () => cache.refresh('a', () => 'new')],
])('An empty text there goes by %s', async (_, replace) => {
  expect(await leave('')).toBe('STORED');
  await replace();
  expect(await cache.getOrSet('a', () => 'new')).toBe('new');
});
