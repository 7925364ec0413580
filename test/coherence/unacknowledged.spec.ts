import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { UnacknowledgedWrites } from '../../src/cache/unacknowledged-writes.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { logRead } from '../support/log-read.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { SimulatedClock } from '../support/simulation/simulated-clock.js';
import { patience } from '../support/store-places.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

describe('an invalidation that memcached does not acknowledge', () => {
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  /** Behind the proxy, and beside it. */
  let cut: TieredCache;
  let other: TieredCache;
  const coherence = { interval: 100, blindFor: 60_000 };

  beforeEach(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
    cut = await buildCache({ store: memcachedStore({ servers: proxy.address, ...patience }), coherence });
    other = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }), coherence });
  });
  afterEach(async () => {
    await Promise.all([cut.close(), other.close()]);
    await proxy.close();
    await server.stop();
  });

  const partition = async (): Promise<void> => {
    await proxy.refuse(true);
    proxy.cut();
  };

  it('resolves to false, takes the near copy, skips the store, and is sent again until acknowledged', async () => {
    const events = recordEvents('fault', 'writeGivenUp');
    await cut.set('a', 'old');
    expect(await other.get('a')).toBe('old');
    await partition();
    expect(await cut.delete('a')).toBe(false);
    expect(cut.peek('a')).toBeUndefined();
    expect(events.of('fault')).toContainEqual(expect.objectContaining({ kind: 'write-unacknowledged', key: 'a' }));
    // Others can't know yet; this process reads its source.
    expect(await other.get('a')).toBe('old');
    expect(await cut.getOrSet('a', () => 'new')).toBe('new');
    expect(await cut.lookup('a')).toMatchObject({ hit: false });
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
    await eventually(async () => {
      await cut.getOrSet('a', () => 'new');
      expect(await other.get('a')).toBe('new');
    });
    expect(events.of('writeGivenUp')).toEqual([]);
    events.stop();
  }, 30_000);

  it('rejects where confirm asks for it, and is sent again all the same', async () => {
    await other.set('a', 'old');
    await partition();
    await expect(cut.delete('a', { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(cut.set('b', 1, { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  }, 30_000);

  it('is the whole of a set: what the store held before goes, the value is not read from anywhere', async () => {
    await other.set('a', 'old');
    await partition();
    expect(await cut.set('a', 'new')).toBe(false);
    expect(await cut.lookup('a')).toMatchObject({ hit: false });
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  }, 30_000);

  it('holds for tags', async () => {
    await other.set('a', 'old', { tags: ['t'] });
    await partition();
    expect(await cut.invalidateTags('t')).toBe(false);
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  }, 30_000);

  it('is said to be given up when the cache closes before', async () => {
    const events = recordEvents('writeGivenUp');
    await partition();
    await cut.delete('a');
    await cut.close();
    expect(events.all).toMatchObject([{ key: 'a', reason: 'closed' }]);
    events.stop();
  });
});

describe('what waits to be acknowledged', () => {
  it('is the newest per key, sent again until acknowledged, and what is beyond its bound is said to be given up', async () => {
    const clock = new SimulatedClock();
    const events = recordEvents('writeGivenUp');
    const waiting = new UnacknowledgedWrites('test', clock, 3);
    const sent: string[] = [];
    let reachable = false;
    const add = (name: string, what = name): void =>
      waiting.add(name, name, async () => {
        sent.push(what);
        if (!reachable) throw new Error('down');
      });
    for (const name of ['a', 'b', 'c', 'd', 'e']) add(name);
    add('c', 'c anew');
    expect(events.all).toMatchObject(['a', 'b'].map((key) => ({ cache: 'test', key, reason: 'too many wait' })));
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => waiting.has(name))).toEqual([false, false, true, true, true]);
    const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
    await clock.advanceTo(clock.now() + 10_000, settle);
    expect(new Set(sent)).toEqual(new Set(['c anew', 'd', 'e']));
    expect(sent.length).toBeLessThanOrEqual(3 * 10); // 100 ms, doubled up to 2 s
    waiting.settle('d'); // a later write of the same key was acknowledged
    sent.splice(0);
    reachable = true;
    await clock.advanceTo(clock.now() + 5_000, settle);
    expect(sent.sort()).toEqual(['c anew', 'e']);
    expect(waiting.size).toBe(0);
    await waiting.close();
    expect(events.all).toHaveLength(2);
    events.stop();
  });
});

describe('a set that is sent once more', () => {
  let faulty: FaultyStore;
  let here: TieredCache;
  let there: TieredCache;
  beforeEach(async () => {
    const shared = memoryStore();
    faulty = new FaultyStore(shared);
    here = await buildCache({ store: faulty.store });
    there = await buildCache({ store: shared });
    faulty.down = '';
    expect(await here.set('a', 1)).toBe(false); // its removal is sent 100 ms from now
    faulty.down = undefined;
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  it('is not undone by the removal that its first try has left', async () => {
    faulty.answersWritesAfterMs = 200;
    expect(await here.set('a', 2)).toBe(true);
    expect(await there.get('a')).toBe(2);
    await pause(300);
    expect(await there.get('a')).toBe(2);
  });

  it('waits for that removal where it is on its way already', async () => {
    faulty.removalsArriveAfterMs = 200;
    await eventually(() => expect(faulty.commands.some((command) => command.startsWith('remove'))).toBe(true));
    expect(await here.set('a', 2)).toBe(true);
    expect(await there.get('a')).toBe(2);
    await pause(300);
    expect(await there.get('a')).toBe(2);
  });
});

describe('an update whose log entry is lost', () => {
  it('is told to the other processes later, and stays', async () => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    const here = await buildCache({ store: faulty.store, coherence: { interval: 10_000, blindFor: 10_000 } });
    const there = await buildCache({ store: shared });
    await here.set('n', 1);
    expect(await there.get('n')).toBe(1);
    faulty.down = '~log';
    await expect(here.update<number>('n', (n = 0) => n + 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(here.peek('n')).toBeUndefined();
    faulty.down = undefined;
    await eventually(async () => expect(await there.get('n')).toBe(2));
    await eventually(async () => expect(await here.get('n')).toBe(2));
    await Promise.all([here.close(), there.close()]);
  });
});

describe('what is loaded while the store can’t be reached', () => {
  it('is believed for interval + blindFor, and no longer', async () => {
    const faulty = new FaultyStore(memoryStore());
    const cache = await buildCache({ store: faulty.store, coherence: { interval: 50, blindFor: 2_000 } });
    faulty.down = '';
    let loads = 0;
    const load = () => ++loads;
    expect(await cache.getOrSet('a', load)).toBe(1);
    expect(await cache.getOrSet('a', load)).toBe(1);
    await eventually(async () => expect(await cache.getOrSet('a', load)).toBe(2));
    await cache.close();
  });

  it('goes with a gap in the log', async () => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    const here = await buildCache({
      name: 'here',
      store: faulty.store,
      coherence: { interval: 50, blindFor: 60_000 },
    });
    const there = await buildCache({ store: shared });
    await logRead('here');
    faulty.down = '';
    expect(await here.getOrSet('a', () => 'old')).toBe('old');
    await there.delete('a');
    await shared.shards[0].remove('test~log'); // as a restart does
    faulty.down = undefined;
    await eventually(async () => expect(await here.getOrSet('a', () => 'new')).toBe('new'));
    await Promise.all([here.close(), there.close()]);
  });

  it('goes too where the log had never been read before', async () => {
    const shared = memoryStore();
    const faulty = new FaultyStore(shared);
    faulty.down = '';
    const here = await buildCache({ store: faulty.store, coherence: { interval: 50, blindFor: 60_000 } });
    const there = await buildCache({ store: shared });
    expect(await here.getOrSet('a', () => 'old')).toBe('old');
    await there.delete('a');
    faulty.down = undefined;
    await eventually(async () => expect(await here.getOrSet('a', () => 'new')).toBe('new'));
    await Promise.all([here.close(), there.close()]);
  });
});
