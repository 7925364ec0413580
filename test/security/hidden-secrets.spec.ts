import { inspect } from 'node:util';
import { createClient } from '@redis/client';
import { Redis } from 'ioredis';
import { describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';

const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2';
const secretBytes = Buffer.from(secret);
/** As bytes are printed. */
const hex = secretBytes.toString('hex', 0, 16).replace(/../g, '$& ').trim();
const tls = { key: secretBytes, passphrase: secret, pfx: secretBytes };
const url = `rediss://app:${secret}@127.0.0.1:1`;
const lists = { password: secret, sentinelPassword: secret, tls };

const made: [string, () => unknown][] = [
  ['memcachedStore', () => memcachedStore({ servers: '127.0.0.1:1', username: 'app', password: secret, tls })],
  [
    'memcachedStore with discovered servers',
    () =>
      memcachedStore({
        servers: { discover: { name: '127.0.0.1', list: () => Promise.reject(new Error('none')) } },
        username: 'app',
        password: secret,
        tls,
      }),
  ],
  ['redisStore by a URL', () => redisStore({ url, tls })],
  ['redisStore by sentinels', () => redisStore({ sentinels: ['127.0.0.1:1'], name: 'main', ...lists })],
  ['redisStore of a Cluster', () => redisStore({ cluster: ['127.0.0.1:1'], ...lists })],
  [
    'redisStore like a client of ioredis',
    () => redisStore({ client: new Redis({ host: '127.0.0.1', lazyConnect: true, password: secret, tls }) }),
  ],
  [
    'redisStore like a client of @redis/client',
    () =>
      redisStore({
        client: createClient({ password: secret, socket: { host: '127.0.0.1', tls: true, passphrase: secret } }),
      }),
  ],
];

describe('what is printed of it, however deep, holds no secret', () => {
  /** Texts that JSON would have. A store is no tree: much is in it many times. */
  const inJson = (thing: unknown): string => {
    const texts: string[] = [];
    try {
      JSON.stringify(thing, (name, value: unknown) => {
        if (texts.push(`${name}: ${String(value)}`) > 20_000) throw new Error('enough was seen');
        return value;
      });
    } catch {
      // It refers to itself, or has no end.
    }
    return texts.join('\n');
  };
  const expectHidden = (thing: unknown, depth = 12): void => {
    const said = inspect(thing, { depth }) + inJson(thing);
    expect(said).toContain('127.0.0.1');
    // Found before it is expected: a failure prints no megabytes.
    const at = Math.max(said.indexOf(secret), said.indexOf(hex));
    expect(at < 0 ? '' : said.slice(Math.max(0, at - 300), at)).toBe('');
  };

  it.each(made)('%s', (_, make) => {
    expectHidden(make());
  });

  it('a cache on a store', () => {
    const store = memcachedStore({ servers: '127.0.0.1:1', username: 'app', password: secret, tls });
    const cache = new TieredCache({ name: 'a', namespace: 'test', packageVersion: '1.0.0', store, keySecret: secret });
    expectHidden(cache, 8);
  });
});
