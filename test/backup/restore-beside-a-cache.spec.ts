import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { redisBackup } from '../../src/backup/redis-backup.js';
import type { RedisBackup } from '../../src/backup/redis-backup.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { untilInvalidated } from '../../src/catalogue/lives/until.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { buildCache } from '../support/build-cache.js';
import { patience } from '../support/patience.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

const endless = defineKey('endless:{name}', { ttl: untilInvalidated(), tags: () => ['t'] });

describe('A restore beside a cache', () => {
  let server: RedisProcess;
  let cache: TieredCache;
  let backup: RedisBackup;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.command('FLUSHALL');
    backup = redisBackup({ connection: { url: server.url } });
    cache = await open();
  });
  afterEach(() => Promise.all([cache.close(), backup.close()]));
  afterAll(() => server.stop());

  const open = (keyPrefix = ''): Promise<TieredCache> =>
    buildCache({ store: redisStore({ url: server.url, keyPrefix, ...patience }), process: false });
  const take = async (): Promise<Buffer> => {
    const body = new PassThrough();
    const bytes = buffer(body);
    await backup.take(body);
    body.end();
    return bytes;
  };
  const restore = (bytes: Buffer) =>
    backup.restore(
      async function* () {
        yield await Promise.resolve(bytes);
      },
      { replace: true },
    );

  it('undoes no invalidation of a tag', async () => {
    await cache.set('k', 'old', { ttl: 600_000, tags: ['t'] });
    const bytes = await take();
    expect(await cache.invalidateTags('t')).toBe(true);
    expect(await cache.get('k')).toBeUndefined();
    await restore(bytes);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('undoes no clear', async () => {
    await cache.set('k', 'old', { ttl: 600_000 });
    const bytes = await take();
    await cache.dangerouslyClear();
    await restore(bytes);
    expect(await cache.get('k')).toBeUndefined();
    const other = await open();
    expect(await other.get('k')).toBeUndefined();
  });

  it.each([
    ['short', 'old'],
    ['long, which Redis makes smaller', 'old '.repeat(1_000)],
    ['longer than it writes by short lengths', Array.from({ length: 30_000 }, (_, index) => index).join(' ')],
  ])('brings back no entry without a limit that was deleted: %s', async (_, value) => {
    const prefixed = await open('app:');
    for (const one of [cache, prefixed]) await one.set(endless({ name: 'k' }), value);
    const bytes = await take();
    for (const one of [cache, prefixed]) expect(await one.delete(endless({ name: 'k' }))).toBe(true);
    await restore(bytes);
    for (const one of [cache, prefixed]) expect(await one.get(endless({ name: 'k' }))).toBeUndefined();
    await prefixed.close();
  });

  it('leaves what stands as it is, and says how many keys it has left out', async () => {
    await cache.set(endless({ name: 'k' }), 'kept');
    await server.command('SET', 'mine', 'of the application');
    const bytes = await take();
    const all = Number(await server.command('DBSIZE'));
    expect(await restore(bytes)).toMatchObject({ records: 1, replaced: 1, leftOut: all - 1 });
    expect(await cache.get(endless({ name: 'k' }))).toBe('kept');
    await cache.close();
    await server.command('FLUSHALL');
    await restore(bytes);
    expect(await server.command('KEYS', '*')).toEqual([Buffer.from('mine')]);
  });

  it('restores keys of others that have such names', async () => {
    const texts = { 'a~tag:b': 'no number', 'c~feed': 'nothing counted', 'd~feed:1': 'text', 'e~versions': '1' };
    for (const [name, text] of Object.entries(texts)) await server.command('SET', name, text);
    await server.command('HSET', 'f~feed', 'field', 'value');
    await server.command('SADD', 'g~tag:h', 1, 2);
    await server.command('HSET', 'h:written', 'd', 'yesterday');
    await server.command('HSET', 'i:written', 'd', 'long ago '.repeat(100));
    await server.command('MSET', 'number', 12, 'negative', -70_000, 'larger', 2 ** 40);
    const bytes = await take();
    await server.command('FLUSHALL');
    expect(await restore(bytes)).toMatchObject({ records: 11 });
    expect(await server.command('EXISTS', ...Object.keys(texts), 'f~feed', 'g~tag:h', 'h:written', 'i:written')).toBe(
      8,
    );
    expect(await server.command('EXISTS', 'number', 'larger')).toBe(2);
    expect(await server.text('GET', 'negative')).toBe('-70000');
  });
});
