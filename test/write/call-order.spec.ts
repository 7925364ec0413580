import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { FeedQuestion, Invalidation } from '../../src/store/feed.js';
import type { Shard, Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { systemClock } from '../../src/value/clock.js';
import type { Clock } from '../../src/value/clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { CallOrder } from '../../src/write/call-order.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';
import { shardWith } from '../support/shard-with.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const scope = new RequestScope();
const places: [string, <R>(work: () => Promise<R>) => Promise<R>][] = [
  ['outside of requests', (work) => work()],
  ['in a request', (work) => scope.run(work)],
];
const entries: [string, { readonly tags?: readonly string[] }][] = [
  ['without tags', {}],
  ['with tags, whose generations are asked for', { tags: ['t', 'u'] }],
];

let store: Store;
let cache: TieredCache;
let other: TieredCache;
beforeEach(async () => {
  store = memoryStore();
  cache = await buildCache({ store, scope });
  other = await buildCache({ store, scope });
});
afterEach(async () => {
  await cache.close();
  await other.close();
});

describe.each(places)('What is called %s without waiting for what was called before', (_, within) => {
  describe.each(entries)('for entries %s', (__, options) => {
    it.each<[string, () => Promise<unknown>]>([
      ['delete', () => cache.delete('k')],
      ['deleteMany', () => cache.deleteMany(['other', 'k'])],
    ])('comes later: a %s leaves nothing of a set', async (___, remove) => {
      await within(async () => {
        const set = cache.set('k', 'set', options);
        expect(await Promise.all([set, remove()])).toEqual([true, true]);
        expect(await cache.lookup('k')).toMatchObject({ hit: false });
      });
      expect(await other.get('k')).toBeUndefined();
    });

    it.each<[string, () => Promise<unknown>, unknown]>([
      ['an expire', () => cache.expire('k'), undefined],
      [
        'an update',
        () => cache.update<string>('k', (value = 'nothing') => `${value}, and updated`),
        'set, and updated',
      ],
      ['a setIfAbsent', async () => expect(await cache.setIfAbsent('k', 'absent')).toBe('set'), 'set'],
    ])('comes later: %s', async (___, change, stands) => {
      await within(async () => {
        await Promise.all([cache.set('k', 'set', options), change()]);
        expect(await cache.get('k')).toBe(stands);
      });
      expect(await other.get('k')).toBe(stands);
    });

    it('comes later: of three sets and a delete between them, the last one stays', async () => {
      await within(async () => {
        const calls = [cache.set('k', 1, options), cache.set('k', 2), cache.delete('k'), cache.set('k', 3, options)];
        await Promise.all(calls);
        expect(await cache.get('k')).toBe(3);
      });
      expect(await other.get('k')).toBe(3);
    });

    it('comes later, also where what was called before fails', async () => {
      await within(async () => {
        const set = cache.set('k', new Map(), options);
        const later = cache.set('k', 'later');
        await expect(set).rejects.toMatchObject({ code: 'UNENCODABLE_VALUE' });
        expect(await later).toBe(true);
        expect(await cache.get('k')).toBe('later');
      });
    });
  });
});

it('The order of calls holds no key of which nothing is being asked', async () => {
  const order = new CallOrder();
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => (answer = resolve));
  const first = order.after(['a', 'b'], () => asked);
  const second = order.after(['b'], () => asked);
  expect(order.behind(['c'])).toBeUndefined();
  answer();
  await Promise.all([first, second, order.behind(['a', 'b'])]);
  expect([order.behind(['a']), order.behind(['b'])]).toEqual([undefined, undefined]);
});

it('A delete and a set that are called in one turn leave what was set, on a store that removes twice', async () => {
  const server = await startMemcached();
  const onServer = await buildCache({
    store: memcachedStore({ servers: server.address, ...patience }),
    process: false,
  });
  expect(await Promise.all([onServer.delete('k'), onServer.set('k', 'set')])).toEqual([true, true]);
  expect(await onServer.get('k')).toBe('set');
  const calls = [onServer.set('k', 1), onServer.delete('k'), onServer.delete('k'), onServer.set('k', 2)];
  expect(await Promise.all(calls)).toEqual([true, true, true, true]);
  expect(await onServer.get('k')).toBe(2);
  await onServer.close();
  await server.stop();
});

it('A set stays that waited for a delete which is not acknowledged', async () => {
  const clock = new FakeClock();
  let fail: ((error: Error) => void) | undefined;
  let holds = true;
  const behind = storeBehind(memoryStore({ clock }), (shard) =>
    shardWith(shard, {
      invalidate(asked: Invalidation) {
        if (!holds) return shard.invalidate?.(asked);
        holds = false;
        return new Promise((_, reject) => (fail = reject));
      },
    }),
  );
  const here = await buildCache({ store: behind, clock });
  const calls = Promise.all([here.delete('k'), here.set('k', 'set', { ttl: '1h' })]);
  await eventually(() => expect(fail).toBeDefined());
  fail?.(new StoreUnavailableError('the store', 'the connection was cut'));
  expect(await calls).toEqual([false, true]);
  await clock.advance('10s');
  expect(await here.get('k')).toBe('set');
  await here.close();
});

describe('A delete and a set that are called in one turn, on a memcached', () => {
  const coherence = { interval: '1h' } as const;
  let server: MemcachedProcess;
  let proxy: TcpProxy;
  let here: TieredCache;
  beforeEach(async () => {
    server = await startMemcached();
    proxy = await startTcpProxy(server.port);
    here = await buildCache({
      store: memcachedStore({ servers: proxy.address, ...patience }),
      coherence,
      process: false,
    });
    expect(await here.set('k', 'old')).toBe(true);
  });
  afterEach(async () => {
    await here.close();
    await proxy.close();
    await server.stop();
  });

  const both = (): Promise<boolean[]> => Promise.all([here.delete('k'), here.set('k', 'set')]);

  it('leave what was set, also where the feed has moved on since this process looked at it', async () => {
    const mate = await buildCache({ store: memcachedStore({ servers: server.address, ...patience }), coherence });
    const long = Array.from({ length: 2_000 }, (_, index) => `${index}`.padEnd(200, '.'));
    expect(await mate.deleteMany(long)).toBe(true);
    expect(await mate.deleteMany(long)).toBe(true);
    expect(await both()).toEqual([true, true]);
    expect(await here.get('k')).toBe('set');
    await mate.close();
  });

  it('leave what was set, also on a connection that was just made', async () => {
    proxy.cut();
    await eventually(async () => expect(await here.get('k')).toBe('old'));
    expect(await both()).toEqual([true, true]);
    expect(await here.get('k')).toBe('set');
  });
});

describe('What is called while a set waits for an earlier delete that is being sent again', () => {
  const clock = new FakeClock();
  let here: TieredCache;
  /** How the store takes what is sent to it; those that are left out at once. */
  let gates: Promise<void>[];
  let resend: () => void;
  let sent: number;
  beforeEach(async () => {
    // 1. delete(k) is refused, and waits in the outbox; 2. it is sent again, and the store is slow; 3. set(k) waits for that.
    [gates, sent] = [[], 0];
    const shared = memoryStore({ clock });
    const behind = storeBehind(shared, (shard) =>
      shardWith(shard, {
        async invalidate(asked: Invalidation) {
          sent++;
          await gates.shift();
          return shard.invalidate?.(asked);
        },
      }),
    );
    here = await buildCache({ store: behind, clock });
    const refused = Promise.reject(new StoreUnavailableError('the store', 'the connection was cut'));
    const slow = new Promise<void>((resolve) => (resend = resolve));
    gates = [refused, slow];
    sent = 0;
    expect(await here.delete('k')).toBe(false);
    await clock.advance(100);
    expect(sent).toBe(2);
  });
  afterEach(() => here.close());

  it.each<[string, () => Promise<unknown>, unknown, EntryOptions?]>([
    ['delete', () => here.delete('k'), undefined],
    ['deleteMany', () => here.deleteMany(['other', 'k']), undefined],
    ['expire', () => here.expire('k'), undefined],
    ['set', () => here.set('k', 'later', { ttl: '1h' }), 'later'],
  ])('comes later: %s', async (_, call, stands) => {
    const set = here.set('k', 'set', { ttl: '1h' });
    const later = call();
    resend();
    expect(await Promise.all([set, later])).toEqual([true, true]);
    expect(await here.get('k')).toBe(stands);
    await clock.advance('10s');
    expect(await here.get('k')).toBe(stands);
  });
});

describe('What is called while a set is sent that is to be sent again, since another process clears', () => {
  const life = { ttl: '1h' } as const;
  let shared: Store;
  let here: TieredCache;
  let mate: TieredCache;
  /** What keeps the answers to the invalidations of these numbers. */
  let gates: Map<number, { readonly opened: Promise<void>; readonly open: () => void }>;
  let sent: number;
  let carriedOut: number;
  let isRefused: (asked: Invalidation) => boolean;
  /** Nothing is written or removed but by an invalidation. */
  let refusesClears: boolean;
  /** What keeps the answers to readings of the feed. */
  let readings: Promise<void> | undefined;

  function hold(number: number): void {
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    gates.set(number, { opened, open });
  }
  const answer = (number = 1): void => gates.get(number)?.open();

  async function open(clock: Clock = systemClock): Promise<void> {
    // 1. set(k) is carried out, and the answer is slow to come; 2. another process clears; 3. a later call is acknowledged; 4. the answer comes.
    shared = memoryStore({ clock });
    gates = new Map();
    [sent, carriedOut] = [0, 0];
    isRefused = () => false;
    readings = undefined;
    refusesClears = false;
    hold(1);
    const behind = storeBehind(shared, (shard) =>
      shardWith(shard, {
        async invalidate(asked: Invalidation) {
          const number = ++sent;
          if (isRefused(asked)) throw new StoreUnavailableError('the store', 'the connection was cut');
          const done = await shard.invalidate?.(asked);
          carriedOut++;
          await gates.get(number)?.opened;
          return done;
        },
        async write(...asked: Parameters<Shard['write']>) {
          if (refusesClears) throw new StoreUnavailableError('the store', 'the connection was cut');
          return shard.write(...asked);
        },
        async remove(key: string) {
          if (refusesClears) throw new StoreUnavailableError('the store', 'the connection was cut');
          return shard.remove(key);
        },
        async readFeed(asked: FeedQuestion) {
          const reading = await shard.readFeed?.(asked);
          await readings;
          return reading;
        },
      }),
    );
    here = await buildCache({ name: 'here', store: behind, clock });
    mate = await buildCache({ name: 'mate', store: shared, clock });
  }

  async function close(): Promise<void> {
    for (const gate of gates.values()) gate.open();
    await Promise.all([here.close(), mate.close()]);
  }

  /** No reading of the feed is answered until the returned function is called, and what was known of it is too old by then. */
  async function outlastReadings(clock: FakeClock): Promise<() => void> {
    let goOn = (): void => {};
    readings = new Promise<void>((resolve) => (goOn = resolve));
    await clock.advance('10s');
    return () => {
      readings = undefined;
      goOn();
    };
  }

  const isSent = (): Promise<void> => eventually(() => expect(sent).toBeGreaterThan(0));

  /** This process learns of the clear first, by the answer to a call of its own. */
  async function learnt<R>(call: () => Promise<R>): Promise<R> {
    expect(await here.delete('l')).toBe(true);
    return call();
  }

  beforeEach(() => open());
  afterEach(close);

  it.each<[string, () => Promise<unknown>, unknown, EntryOptions?]>([
    ['delete', () => here.delete('k'), undefined],
    ['deleteMany', () => here.deleteMany(['l', 'k']), undefined],
    ['expire', () => here.expire('k'), undefined],
    ['expire of what would be stale', () => here.expire('k'), undefined, { ttl: '1h', staleFor: '1h' }],
    ['set', () => here.set('k', 'later'), 'later'],
    ['update', async () => (await here.update('k', () => 'later')) === 'later', 'later'],
    ['getOrSet', () => learnt(async () => (await here.getOrSet('k', () => 'later')) === 'later'), 'later'],
    ['refresh', () => learnt(async () => (await here.refresh('k', () => 'later')) === 'later'), 'later'],
    [
      'a refresh that finds none',
      () => learnt(async () => (await here.refresh('k', () => undefined)) === undefined),
      undefined,
    ],
    ['a set of another process', () => learnt(() => mate.set('k', 'later')), 'later'],
    ['a delete of another process', () => learnt(() => mate.delete('k')), undefined],
  ])('comes later: %s', async (_, call, stands, options = {}) => {
    const set = here.setMany([
      ['k', 'set', options],
      ['other', 'set'],
    ]);
    await eventually(() => expect(sent).toBe(1));
    await mate.dangerouslyClear();
    expect(await call()).toBe(true);
    answer();
    expect(await set).toBe(true);
    expect([await here.get('k'), await mate.get('k')]).toEqual([stands, stands]);
    expect([await here.get('other'), await mate.get('other')]).toEqual(['set', 'set']);
  });

  it.each<[string, (set: () => Promise<boolean>) => Promise<boolean>]>([
    ['known', async (set) => (await set()) && learnt(async () => true)],
    ['not known', (set) => learnt(set)],
  ])('comes later: a set of a process of another version that is %s yet', async (_, inOrder) => {
    const newer = await buildCache({ store: shared, packageVersion: '2.0.0', process: false });
    const set = here.setMany([
      ['k', 'set'],
      ['other', 'set'],
    ]);
    await eventually(() => expect(sent).toBe(1));
    await mate.dangerouslyClear();
    expect(await inOrder(() => newer.set('k', 'later'))).toBe(true);
    answer();
    expect(await set).toBe(true);
    expect([await here.get('k'), await newer.get('k')]).toEqual([undefined, 'later']);
    expect(await here.get('other')).toBe('set');
  });

  it.each<[string, () => Promise<unknown>, unknown]>([
    ['expire', () => here.expire('k'), undefined],
    ['set', () => here.set('k', 'later'), 'later'],
    ['update', async () => (await here.update('k', () => 'later')) === 'later', 'later'],
    ['setIfAbsent', async () => (await here.setIfAbsent('k', 'later')) === 'later', 'later'],
  ])('comes later, also where its own answer is slow: %s', async (_, call, stands) => {
    const set = here.set('k', 'set', { ttl: '1h', staleFor: '1h' });
    await eventually(() => expect(carriedOut).toBe(1));
    await mate.dangerouslyClear();
    let number = Infinity;
    const later = learnt(() => {
      hold((number = sent + 1));
      return call();
    });
    await eventually(() => expect(carriedOut).toBe(number));
    answer();
    expect(await set).toBe(true);
    answer(number);
    expect(await later).toBe(true);
    expect([await here.get('k'), await mate.get('k')]).toEqual([stands, stands]);
  });

  it.each<[string, () => Promise<unknown>, () => Promise<void>]>([
    ['set', () => here.set('k', 'set'), async () => {}],
    ['set that is sent already', () => here.set('k', 'set'), isSent],
    ['set that another process has cleared as well', () => here.set('k', 'set'), () => mate.dangerouslyClear()],
    ['set with tags, whose generations are asked for', () => here.set('k', 'set', { tags: ['t'] }), async () => {}],
    [
      'setMany that goes in more turns than are under way at a time',
      () =>
        here.setMany([...Array.from({ length: 2_000 }, (_, index) => [`${index}`, `${index}`] as const), ['k', 'set']]),
      isSent,
    ],
  ])('comes later: a clear of the process itself leaves nothing of a %s', async (_, call, meanwhile) => {
    const set = call();
    await meanwhile();
    await here.dangerouslyClear();
    answer();
    expect(await set).toBe(true);
    // The other process learns of the clear by the answer to a call of its own.
    expect(await mate.delete('l')).toBe(true);
    expect([await here.get('k'), await mate.get('k')]).toEqual([undefined, undefined]);
  });

  it('comes later: a clear of the process itself leaves nothing of a set that waits to be sent again', async () => {
    const clock = new FakeClock();
    await close();
    await open(clock);
    const set = here.set('k', 'set', life);
    await eventually(() => expect(carriedOut).toBe(1));
    await mate.dangerouslyClear();
    const goOn = await learnt(() => outlastReadings(clock));
    answer();
    await clock.advance(1);
    await here.dangerouslyClear();
    goOn();
    expect(await set).toBe(true);
    expect([await here.get('k'), await mate.get('k')]).toEqual([undefined, undefined]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['has set something before', () => here.set('l', 'set')],
    ['has set nothing before', async () => {}],
  ])('comes later: a set of another process after a clear of the process itself, which %s', async (_, before) => {
    const clock = new FakeClock();
    await close();
    await open(clock);
    answer();
    await before();
    const goOn = await outlastReadings(clock);
    const set = here.set('k', 'set', life);
    await here.dangerouslyClear();
    expect(await mate.set('k', 'later', life)).toBe(true);
    goOn();
    expect(await set).toBe(true);
    expect([await here.get('k'), await mate.get('k')]).toEqual(['later', 'later']);
  });

  it('comes later: a clear of the process itself that fails leaves nothing of what was there before a set', async () => {
    const clock = new FakeClock();
    await close();
    await open(clock);
    answer();
    expect(await mate.set('k', 'old', life)).toBe(true);
    const goOn = await outlastReadings(clock);
    const set = here.set('k', 'set', life);
    refusesClears = true;
    await expect(here.dangerouslyClear()).rejects.toThrow(StoreUnavailableError);
    refusesClears = false;
    goOn();
    expect(await set).toBe(true);
    await clock.advance('10s');
    expect([await here.get('k'), await mate.get('k')]).toEqual([undefined, undefined]);
  });

  it('comes later, also where the set can’t be sent again', async () => {
    const clock = new FakeClock();
    await close();
    await open(clock);
    const set = here.setMany([
      ['k', 'set', life],
      ['other', 'set', life],
    ]);
    await eventually(() => expect(sent).toBe(1));
    await mate.dangerouslyClear();
    expect(await here.set('k', 'later', life)).toBe(true);
    isRefused = ({ changes }) => changes.length > 0;
    answer();
    await set;
    isRefused = () => false;
    await clock.advance('10s');
    expect([await here.get('k'), await mate.get('k')]).toEqual(['later', 'later']);
    expect(await mate.get('other')).toBeUndefined();
  });
});
