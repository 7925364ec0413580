import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { logRead } from '../support/log-read.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const life = { ttl: '1h' } as const;

describe('a call whose names one append to the feed of memcached does not carry', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  /** Behind the proxy, and beside it. */
  let a: TieredCache;
  let b: TieredCache;

  beforeEach(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
    // Of another release: what is written under one is removed under the other.
    b = await buildCache({
      name: 'b',
      packageVersion: '1.1.0',
      store: memcachedStore({ servers: server.address, ...patience }),
      coherence: { interval: 50 },
    });
    await b.set('inner', 'old', life);
    a = await buildCache({
      store: memcachedStore({ servers: proxy.address, ...patience }),
      coherence: { interval: 60_000, blindFor: 60_000 },
    });
  });
  afterEach(async () => {
    await Promise.all([a.close(), b.close()]);
    await proxy.close();
    await server.stop();
  });

  it.each<[string, (keys: readonly string[]) => Promise<boolean>]>([
    ['deleteMany', (keys) => a.deleteMany(keys)],
    ['setMany', (keys) => a.setMany(keys.map((key) => [key, 'new', life]))],
  ])('T1 leaves nothing that was built between two of them: %s', async (_, call) => {
    await a.lookup('outer');
    await eventually(async () => {
      expect(await b.get('inner')).toBe('old');
      expect(b.peek('inner')).toBe('old');
    });
    const inner = (): Promise<string> => b.getOrSet('inner', () => 'new', life);
    const page = (): Promise<string> => b.getOrSet('outer', async () => `page with ${await inner()}`, life);
    const others = Array.from({ length: 400 }, (__, index) => `${index}`.padEnd(50, '-'));
    const letGo = proxy.holdCommands((chunk) => chunk.toString('latin1', 0, 13) === 'ms test~feed:');
    const called = call(['outer', ...others, 'inner']);
    await eventually(() => expect(proxy.held).toBe(1));
    for (let reading = 0; reading < 2; reading++) await logRead('b');
    expect(await page()).toBe('page with old');
    letGo();
    expect(await called).toBe(true);
    for (let reading = 0; reading < 2; reading++) await logRead('b');
    expect(b.peek('outer')).toBeUndefined();
    expect(await page()).toBe('page with new');
  });
});
