import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const life = { ttl: '1h' } as const;
const stale = { ttl: 1, staleFor: '1h' } as const;

/**
 * 1. A load wins the right to replace what stands; 2. the connection ends, and with it what revisions are worth; 3. the load ends. The store refuses to remove
 * or to replace the item by its revision, though it is still the same: nothing has been stored since.
 */
describe('A load that is to replace what memcached holds, over a connection that is made anew meanwhile', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  let cache: TieredCache;
  beforeEach(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
    cache = await buildCache({ store: memcachedStore({ servers: proxy.address, ...patience }) });
    await eventually(async () => expect(await cache.set('k', 'old', stale)).toBe(true));
  });
  afterEach(async () => {
    await cache.close();
    await proxy.close();
    await server.stop();
  });

  const reconnected = async (): Promise<void> => {
    proxy.cut();
    await eventually(async () => expect(await cache.set('other', 1)).toBe(true));
  };

  it.each<[string, string | undefined]>([
    ['there is none', undefined],
    ['a value that can’t be stored any more', 'new'],
  ])('leaves nothing of it, where it was forced and brings this: %s', async (_, brought) => {
    expect(await cache.refresh('k', () => reconnected().then(() => brought), life)).toBe(brought);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('leaves nothing of it, where it was stale and there is none', async () => {
    await eventually(async () => expect(await cache.lookup('k')).toMatchObject({ freshness: 'stale' }));
    expect(await cache.getOrSet<string | undefined>('k', () => reconnected().then(() => undefined), stale)).toBe('old');
    await eventually(async () => expect(await cache.get('k')).toBeUndefined());
  });
});
