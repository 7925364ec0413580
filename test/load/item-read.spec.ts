import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { text } from '../../src/codec/text.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { onCacheEvent } from '../../src/value/events.js';
import { buildCache } from '../support/build-cache.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const never = (): never => {
  throw new Error('it was loaded');
};

describe('a look-up on its way to memcached', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  let cache: TieredCache;
  const endings: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
  });
  beforeEach(async () => {
    const store = memcachedStore({ servers: proxy.address, ...patience });
    cache = await buildCache({ store, process: false });
    endings.push(() => cache.close());
    await cache.delete('a');
    await cache.delete('b');
  });
  afterEach(async () => {
    for (const end of endings.splice(0)) await end();
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  const gets = async (): Promise<number> => Number((await server.stats())['cmd_get']);

  it('is joined by callers who ask for the same: one command for all', async () => {
    await cache.set('a', { n: 1 });
    const before = await gets();
    const all = Array.from({ length: 10 }, () => cache.getOrSet('a', never, { ttl: '1h' }));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 10 }, () => ({ n: 1 })));
    expect((await gets()) - before).toBe(1);
  });

  it('is joined by callers who need more: with a signal, a deadline, a bulk, a value of their own', async () => {
    await cache.set('a', { n: 1 });
    const { signal } = new AbortController();
    const before = await gets();
    const first = cache.getOrSet<{ n: number }>('a', never);
    const joined = [
      cache.getOrSet('a', never, { signal }),
      cache.getOrSet('a', never, { timeout: { hard: 60_000 } }),
      cache.getOrSetMany(['a'], never).then(([value]) => value),
    ];
    const own = cache.getOrSet<{ n: number }>('a', never, { isolation: 'clone' });
    const another = cache.getOrSet<{ n: number }>('a', never, { isolation: 'clone' });
    expect(await Promise.all(joined)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
    expect(await first).toEqual({ n: 1 });
    (await own).n = 2;
    expect(await another).toEqual({ n: 1 });
    expect((await gets()) - before).toBe(2);
  });

  it('is one load where there is none, and whoever joined it leaves alone', async () => {
    const leaving = new AbortController();
    let loads = 0;
    let told: AbortSignal | undefined;
    let loading!: () => void;
    const begun = new Promise<void>((resolve) => (loading = resolve));
    let finish!: (value: string) => void;
    const load = ({ signal }: { signal: AbortSignal }): Promise<string> => {
      loads++;
      told = signal;
      loading();
      return new Promise((resolve, reject) => {
        finish = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    const first = cache.getOrSet('a', load);
    const leaver = cache.getOrSet('a', load, { signal: leaving.signal });
    const same = cache.getOrSet('a', load);
    leaving.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    await begun;
    expect(told?.aborted).toBe(false);
    const late = cache.getOrSet('a', load);
    finish('value');
    expect(await Promise.all([first, same, late])).toEqual(['value', 'value', 'value']);
    expect(loads).toBe(1);
  });

  it('that somebody joined and left before it was answered is not called off', async () => {
    await cache.set('a', 'value');
    const leaving = new AbortController();
    const first = cache.getOrSet('a', never);
    const leaver = cache.getOrSet('a', never, { signal: leaving.signal });
    leaving.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    expect(await first).toBe('value');
  });

  it('that somebody joined and left before it was answered is loaded where there is none', async () => {
    const leaving = new AbortController();
    const first = cache.getOrSet('a', () => 'loaded');
    const leaver = cache.getOrSet('a', never, { signal: leaving.signal });
    leaving.abort(new Error('gone'));
    await expect(leaver).rejects.toThrow('gone');
    expect(await first).toBe('loaded');
  });

  it('loads, and tells of a hit, in the asynchronous context of its caller', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    endings.push(onCacheEvent('hit', () => seen.push(context.getStore())));
    await context.run('caller', () => cache.getOrSet('a', () => `loaded by ${context.getStore()}`));
    expect(await context.run('reader', () => cache.getOrSet('a', never))).toBe('loaded by caller');
    expect(seen).toEqual(['reader']);
  });

  it('of what was invalidated since is not joined', async () => {
    const joined: string[] = [];
    endings.push(onCacheEvent('loadJoined', ({ key }) => joined.push(key)));
    await cache.set('a', 'old');
    const early = [cache.getOrSet('a', never), cache.getOrSet('a', never)];
    const deleted = cache.delete('a');
    const late = cache.getOrSet('a', () => 'new');
    expect(await Promise.all(early)).toEqual(['old', 'old']);
    expect(joined).toEqual(['a']);
    await Promise.all([deleted, late]);
    expect(await cache.getOrSet('a', () => 'new')).toBe('new');
  });

  it('is answered wherever its reply is cut', async () => {
    const values = Array.from({ length: 200 }, (_, index) => ({ index, body: 'x'.repeat(50 + 31 * index) }));
    await cache.setMany(values.map((value) => [`v${value.index}`, value]));
    await cache.set('large', 'y'.repeat(400_000));
    for (let times = 0; times < 3; times++) {
      const found = values.map(({ index }) => cache.getOrSet(`v${index}`, never));
      expect(await cache.getOrSet('large', never)).toHaveLength(400_000);
      expect(await Promise.all(found)).toEqual(values);
    }
  });

  it('is a load without the store where the connection is cut, for all who joined', async () => {
    await cache.set('a', 'stored');
    proxy.truncateNextReply(10, 'cut');
    let loads = 0;
    const load = (): string => `loaded ${++loads}`;
    const { signal } = new AbortController();
    const all = [cache.getOrSet('a', load), cache.getOrSet('a', load), cache.getOrSet('a', load, { signal })];
    expect(await Promise.all(all)).toEqual(['loaded 1', 'loaded 1', 'loaded 1']);
  });

  it('is a load, and its item is replaced, where the item is garbage, expired, or of another codec', async () => {
    const ask = (options?: EntryOptions<string>): Promise<string> => cache.getOrSet('a', () => 'loaded', options);
    await cache.set('a', 'stored');
    const storeKey = cache.storeKey('a');
    const { value } = await read(storeKey);
    for (const at of [0, 4, 8, 20, 41, value.length - 1]) {
      const flipped = Buffer.from(value);
      flipped[at] = (flipped[at] as number) ^ 1;
      await server.command(`ms ${storeKey} ${flipped.length}\r\n${flipped.toString('latin1')}`);
      expect(await ask()).toBe('loaded');
      expect(await cache.getOrSet('a', never)).toBe('loaded');
    }
    await cache.set('a', 'text', { codec: text() });
    expect(await ask()).toBe('loaded');
  });

  async function read(storeKey: string): Promise<{ value: Buffer }> {
    const store = memcachedStore({ servers: server.address, ...patience });
    await store.open();
    const [item] = await store.shards[0].readMany([storeKey]);
    await store.close();
    if (!item) throw new Error('nothing is stored');
    return { value: Buffer.from(item.bytes) };
  }
});
