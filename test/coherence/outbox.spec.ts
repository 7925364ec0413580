import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { Outbox } from '../../src/coherence/outbox.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore } from '../../src/testing/faulty-store.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { logRead } from '../support/log-read.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { recordEvents } from '../support/recorded-events.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { patience } from '../support/patience.js';
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
  });

  it('rejects where confirm asks for it, and is sent again all the same', async () => {
    await other.set('a', 'old');
    await partition();
    await expect(cut.delete('a', { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(cut.set('b', 1, { confirm: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  });

  it('is the whole of a set: what the store held before goes, the value is not read from anywhere', async () => {
    await other.set('a', 'old');
    await partition();
    expect(await cut.set('a', 'new')).toBe(false);
    expect(await cut.lookup('a')).toMatchObject({ hit: false });
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  });

  it('holds for tags', async () => {
    await other.set('a', 'old', { tags: ['t'] });
    await partition();
    expect(await cut.invalidateTags('t')).toBe(false);
    await proxy.refuse(false);
    await eventually(async () => expect(await other.lookup('a')).toMatchObject({ hit: false }));
  });

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
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  let clock: VirtualClock;
  let sent: string[];
  let reachable: boolean;
  let clearings: number;
  let waiting: Outbox;
  const add = (name: string, what = name, mayStillArrive = false): void =>
    waiting.add({
      name,
      shown: name,
      mayStillArrive,
      resend: async () => {
        sent.push(what);
        if (!reachable) throw new Error('down');
      },
    });
  const later = (ms: number) => clock.advanceTo(clock.now() + ms, settle);

  beforeEach(() => {
    clock = new VirtualClock();
    sent = [];
    reachable = false;
    clearings = 0;
    const clear = async (): Promise<void> => {
      if (!reachable) throw new Error('down');
      clearings++;
    };
    const part = { shard: { name: 'part' }, clear };
    waiting = new Outbox('test', clock, [part], () => part);
  });

  it('is given up, and said to be, where it is added when nothing is sent any more', async () => {
    const events = recordEvents('writeGivenUp', 'fault');
    await waiting.close();
    let ended = 0;
    add('a');
    waiting.add({
      name: 'the end',
      shown: 'the end of a call for 2 names',
      resend: async () => {},
      after: ['a', 'b'],
      ended: () => ended++,
    });
    await later(10_000);
    expect([waiting.isEmpty, sent, ended]).toEqual([true, [], 1]);
    expect(events.all).toMatchObject([{ cache: 'test', key: 'a', reason: 'closed' }]);
    events.stop();
  });

  it('is the newest per name, sent again until acknowledged, and nothing of it is given up', async () => {
    const events = recordEvents('writeGivenUp');
    for (const name of ['c', 'd', 'e']) add(name);
    add('c', 'c anew');
    await later(10_000);
    expect(new Set(sent)).toEqual(new Set(['c anew', 'd', 'e']));
    expect(sent.length).toBeLessThanOrEqual(3 * 10); // 100 ms, doubled up to 2 s
    waiting.settle('d', waiting.ticket()); // a later write of the same key was acknowledged
    sent.splice(0);
    reachable = true;
    await later(5_000);
    expect(sent.sort()).toEqual(['c anew', 'e']);
    expect(waiting.isEmpty).toBe(true);
    await waiting.close();
    expect(events.all).toEqual([]);
    events.stop();
  });

  it('is replaced by one clearing of their part where it is more than memory is there for', async () => {
    const names = Array.from({ length: 60_000 }, (_, index) => `${index}`.padStart(100, '0'));
    for (const name of names) add(name);
    expect(waiting.has('never added')).toBe(true); // nothing that the store holds is believed
    await later(3_000);
    reachable = true;
    await later(5_000);
    expect(clearings).toBe(1);
    expect(waiting.isEmpty).toBe(true);
  });

  it('holds a name for 5 s more where bytes may still be on their way, and sends its removal once more', async () => {
    reachable = true;
    add('a', 'a', true);
    await later(200);
    expect(sent).toEqual(['a']);
    expect(waiting.has('a')).toBe(true);
    waiting.settle('a', waiting.ticket()); // also where a newer value was acknowledged meanwhile
    await later(4_000);
    expect([sent, waiting.has('a')]).toEqual([['a'], true]);
    await later(2_000);
    expect([sent, waiting.has('a')]).toEqual([['a', 'a'], false]);
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
    await eventually(() => expect(faulty.commands.some((command) => command.startsWith('invalidate'))).toBe(true));
    expect(await here.set('a', 2)).toBe(true);
    expect(await there.get('a')).toBe(2);
    await pause(300);
    expect(await there.get('a')).toBe(2);
  });
});

describe('an update whose answer is lost', () => {
  it('is told to the other processes later, and stays', async () => {
    const shared = memoryStore();
    const faulty = faultyStore(shared);
    const here = await buildCache({ store: faulty, coherence: { interval: 10_000, blindFor: 10_000 } });
    const there = await buildCache({ store: shared });
    await here.set('n', 1);
    expect(await there.get('n')).toBe(1);
    faulty.fail('loses', ['invalidate']);
    await expect(here.update<number>('n', (n = 0) => n + 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(here.peek('n')).toBeUndefined();
    faulty.heal();
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

  it.each<[string, EntryOptions<number>]>([
    ['without tags', {}],
    ['with tags', { tags: ['t'] }],
  ])('is believed so long also where that has lasted for longer (%s)', async (_, options) => {
    const clock = new FakeClock();
    const faulty = new FaultyStore(memoryStore({ clock }));
    const cache = await buildCache({ store: faulty.store, clock, coherence: { interval: 1_000, blindFor: '5s' } });
    await cache.lookup('a');
    faulty.down = '';
    await clock.advance('7s');
    let loads = 0;
    const load = () => ++loads;
    const ask = () => cache.getOrSet('a', load, { ttl: '1h', ...options });
    expect([await ask(), await ask()]).toEqual([1, 1]);
    expect(await cache.getOrSetMany(['a', 'b'], (keys) => keys.map((key) => [key, load()] as const))).toEqual([1, 2]);
    expect((await cache.getOrSetMany(['b'], (keys) => keys.map((key) => [key, load()] as const)))[0]).toBe(2);
    await clock.advance('7s');
    expect(await ask()).toBe(3);
    await cache.close();
  });

  it('goes with a gap in the feed', async () => {
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
    await shared.shards[0].remove('test~versions'); // as a restart does
    faulty.down = undefined;
    await eventually(async () => expect(await here.getOrSet('a', () => 'new')).toBe('new'));
    await Promise.all([here.close(), there.close()]);
  });

  it('goes too where the feed had never been read before', async () => {
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
