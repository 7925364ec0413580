import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../src/store/redis/redis-store.js';
import { onCacheEvent } from '../../src/value/events.js';
import type { Lookup } from '../../src/value/lookup.js';
import { buildCache } from '../support/build-cache.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { patience } from '../support/patience.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const intervalMs = 50;
const graceMs = 250;
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Connections that the server has accepted so far; each look at a memcached's is one, too. */
const servers = {
  async memcached() {
    const server = await startMemcached();
    const store = (servers: string, timeouts: typeof patience) => memcachedStore({ servers, ...timeouts });
    const connections = async (): Promise<number> => Number((await server.stats())['total_connections']);
    return { server, store, connections, perLook: 1 };
  },
  async redis() {
    const server = await startRedis();
    const store = (address: string, timeouts: typeof patience) =>
      redisStore({ url: `redis://${address}`, ...timeouts });
    const connections = async (): Promise<number> => Number((await server.info('stats'))['total_connections_received']);
    return { server, store, connections, perLook: 0 };
  },
} as const;
type ServerName = keyof typeof servers;
const serverNames: readonly ServerName[] = ['memcached', 'redis'];

async function twoProcesses(
  serverName: ServerName,
  { isProxied = true, ...timeouts }: Partial<typeof patience> & { isProxied?: boolean } = {},
) {
  const { server, store, ...counted } = await servers[serverName]();
  endings.push(() => server.stop());
  const proxy = await startTcpProxy(server.port);
  endings.push(() => proxy.close());
  const coherence = { interval: intervalMs };
  const build = async (name: string, address: string): Promise<TieredCache> => {
    const cache = await buildCache({ name, store: store(address, { ...patience, ...timeouts }), coherence });
    endings.push(() => cache.close());
    return cache;
  };
  const breaker: string[] = [];
  endings.push(onCacheEvent('breaker', ({ state }) => breaker.push(state)));
  return {
    ...counted,
    proxy,
    here: await build('here', isProxied ? proxy.address : server.address),
    there: await build('there', server.address),
    breaker,
  };
}

/** Resolves when `here` is told of that key by the feed. */
const heardOf = (key: string): Promise<number> =>
  new Promise((resolve) => {
    const stop = onCacheEvent('invalidated', (event) => {
      if (event.cache !== 'here' || event.key !== key || event.origin !== 'remote') return;
      stop();
      resolve(performance.now());
    });
  });

describe.each(serverNames)('one connection that is cut on a healthy %s', (serverName) => {
  it.each([1, 10, 1_000])(
    'T16 with %d commands under way is one failure, and the feed is read on',
    async (commands) => {
      const { proxy, here, there, breaker } = await twoProcesses(serverName);
      await here.getOrSet('k', () => 'old', { ttl: '1h' });
      // What is asked now is never answered.
      proxy.dropReplies(true);
      const asked: Promise<Lookup<unknown>>[] = [];
      for (let index = 0; index < commands; index++) {
        asked.push(here.lookup(`k${index}`));
        await turn(); // what is asked in one turn fails in one turn
      }
      proxy.cut();
      proxy.dropReplies(false);
      const found = await Promise.all(asked);
      expect(found.filter(({ hit }) => hit)).toEqual([]);
      const heard = heardOf('k');
      expect(await there.delete('k')).toBe(true);
      const acknowledgedAt = performance.now();
      expectInQuiet((await heard) - acknowledgedAt, intervalMs + graceMs);
      expect(here.peek('k')).toBeUndefined();
      expect(breaker).toEqual([]);
    },
  );
});

describe.each(serverNames)('a process over %s that blocks its own loop', (serverName) => {
  it('T8 between a command and its answer is acknowledged, and harms nobody', async () => {
    const commandTimeout = 1_000;
    // A proxy would be blocked as well: so the answer lies ready in the kernel.
    const { connections, perLook, here, there, breaker } = await twoProcesses(serverName, {
      commandTimeout,
      isProxied: false,
    });
    const faults: string[] = [];
    endings.push(onCacheEvent('fault', ({ source, message }) => source.startsWith(serverName) && faults.push(message)));
    let finish = (): void => {};
    // A bystander of the same process holds a lease.
    let loading: Promise<string | undefined> | undefined;
    await new Promise<void>((begun) => {
      loading = here.getOrSet('loading', () => {
        begun();
        return new Promise<string>((resolve) => (finish = () => resolve('loaded')));
      });
    });
    await here.lookup('ready');
    const connectionsBefore = await connections();
    const deleted = here.delete('k');
    await turn();
    const until = performance.now() + 1.5 * commandTimeout;
    while (performance.now() < until);
    expect(await deleted).toBe(true);
    finish();
    expect(await loading).toBe('loaded');
    expect((await there.lookup('loading')).hit).toBe(true);
    expect(await connections()).toBe(connectionsBefore + perLook);
    expect([faults, breaker]).toEqual([[], []]);
  });
});
