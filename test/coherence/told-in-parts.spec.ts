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

/** Where an append to the feed begins, in what is written at once. */
const appendIn = (chunk: Buffer): number => chunk.indexOf('ms test~feed:');

describe('what is built from near copies while memcached has been told a part of a call', () => {
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
    await a.lookup('outer');
    await eventually(async () => {
      expect(await b.get('inner')).toBe('old');
      expect(b.peek('inner')).toBe('old');
    });
  });
  afterEach(async () => {
    await Promise.all([a.close(), b.close()]);
    await proxy.close();
    await server.stop();
  });

  const inner = (): Promise<string> => b.getOrSet('inner', () => 'new', life);
  const page = (beforeItEnds?: () => Promise<void>): Promise<string> =>
    b.getOrSet(
      'outer',
      async () => {
        const content = `page with ${await inner()}`;
        await beforeItEnds?.();
        return content;
      },
      life,
    );
  const bHasRead = async (): Promise<void> => {
    for (let reading = 0; reading < 2; reading++) await logRead('b');
  };

  it.each<[string, (keys: readonly string[]) => Promise<boolean>]>([
    ['deleteMany', (keys) => a.deleteMany(keys)],
    ['setMany', (keys) => a.setMany(keys.map((key) => [key, 'new', life]))],
  ])('T1 is gone, where one append does not carry all names: %s', async (_, call) => {
    const others = Array.from({ length: 400 }, (__, index) => `${index}`.padEnd(50, '-'));
    const letGo = proxy.holdCommands((chunk) => (appendIn(chunk) === 0 ? 0 : -1));
    const called = call(['outer', ...others, 'inner']);
    await eventually(() => expect(proxy.held).toBe(1));
    await bHasRead();
    expect(await page()).toBe('page with old');
    letGo();
    expect(await called).toBe(true);
    await bHasRead();
    expect(b.peek('outer')).toBeUndefined();
    expect(await page()).toBe('page with new');
  });

  it('T1 is gone, where it is stored between a removal and its name', async () => {
    const letGo = proxy.holdCommands(appendIn);
    const called = a.deleteMany(['outer', 'inner']);
    await eventually(() => expect(proxy.held).toBe(1));
    expect(await page()).toBe('page with old');
    letGo();
    expect(await called).toBe(true);
    await bHasRead();
    expect(await page()).toBe('page with new');
  });

  it('T1 is not stored later, where it is built between a removal and its name', async () => {
    const letGo = proxy.holdCommands(appendIn);
    const called = a.deleteMany(['outer', 'inner']);
    await eventually(() => expect(proxy.held).toBe(1));
    const built = page(async () => {
      letGo();
      expect(await called).toBe(true);
    });
    expect(await built).toBe('page with old');
    await bHasRead();
    expect(await page()).toBe('page with new');
  });
});
