import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';

const life = { ttl: '1h' } as const;
const scope = new RequestScope();
let clock: FakeClock;
let shared: Store;
let faulty: FaultyStore;
/** Reaches the store through `faulty`. */
let here: TieredCache;
let there: TieredCache;
let events: RecordedEvents;

beforeEach(async () => {
  clock = new FakeClock();
  shared = memoryStore({ clock });
  faulty = new FaultyStore(shared);
  const coherence = { interval: 1_000, blindFor: 60_000 };
  here = await buildCache({ name: 'here', store: faulty.store, clock, coherence, scope });
  there = await buildCache({ name: 'there', store: shared, clock, coherence });
  for (const cache of [here, there]) await cache.lookup('anything');
  events = recordEvents('invalidated');
});
afterEach(async () => {
  events?.stop();
  faulty.down = undefined;
  await Promise.all([here.close(), there.close()]);
});

/** What the other process was told by the feed. */
const told = (): (string | undefined)[] =>
  events
    .of('invalidated')
    .filter(({ cache, origin }) => cache === 'there' && origin === 'remote')
    .map(({ key }) => key);

const unacknowledged = async (): Promise<number> => (await here.status()).unacknowledgedWrites;

/** Loads until `land` is called. */
function heldLoad(cache: TieredCache, key: string, tags: readonly string[] = []) {
  let land = (): void => {};
  const gate = new Promise<string>((resolve) => (land = () => resolve('loaded before')));
  return { land: () => land(), loaded: cache.getOrSet(key, () => gate, { ...life, tags }) };
}

describe('An invalidation that the store has not acknowledged', () => {
  it('is settled by a later one that it has, and takes nothing away that was written after that', async () => {
    await here.set('k', 'old', life);
    faulty.down = '';
    expect(await here.delete('k')).toBe(false);
    faulty.down = undefined;
    expect(await here.delete('k')).toBe(true);
    expect(await unacknowledged()).toBe(0);
    await there.set('k', 'new', life);
    await clock.advance('10s');
    expect(await there.get('k')).toBe('new');
    expect(await here.get('k')).toBe('new');
  });

  it('is settled by a set of the key: what is set stays', async () => {
    faulty.down = '';
    expect(await here.delete('k')).toBe(false);
    faulty.down = undefined;
    expect(await here.set('k', 'new', life)).toBe(true);
    expect(await unacknowledged()).toBe(0);
    await clock.advance('10s');
    expect(await there.get('k')).toBe('new');
  });

  it('of a tag is settled likewise', async () => {
    faulty.down = '';
    expect(await here.invalidateTags('t')).toBe(false);
    expect(await unacknowledged()).toBe(1);
    faulty.down = undefined;
    expect(await here.invalidateTags('t')).toBe(true);
    expect(await unacknowledged()).toBe(0);
  });

  it.each([
    ['a set', () => here.set('k', 'a', life), () => here.delete('k')],
    ['a removal', () => here.delete('k'), () => here.delete('k')],
    ['a load for its request alone', () => here.refresh('k', () => 'mine', { ttl: 0 }), () => here.delete('k')],
    ['an invalidation of the tag', () => here.invalidateTags('t'), () => here.invalidateTags('t')],
  ])('is not settled by %s that was carried out before, and is answered after', async (_, write, invalidate) => {
    let answer = (): void => {};
    faulty.answersHeld = new Promise((resolve) => (answer = resolve));
    faulty.commands.length = 0;
    const written = write();
    await eventually(() => expect(faulty.commands).toContainEqual(expect.stringMatching(/^invalidate /)));
    await there.set('k', 'a', { ...life, tags: ['t'] });
    faulty.down = '';
    expect(await invalidate()).toBe(false);
    answer();
    await written;
    expect(await unacknowledged()).toBe(1);
    faulty.answersHeld = faulty.down = undefined;
    await clock.advance('10s');
    expect(await there.get('k')).toBeUndefined();
    expect(await unacknowledged()).toBe(0);
  });

  it.each([
    ['key', () => here.delete('k')],
    ['tag', () => here.invalidateTags('t')],
  ])('keeps what is loaded until the store has heard of its %s out of the process', async (_, invalidate) => {
    faulty.down = '';
    expect(await invalidate()).toBe(false);
    const load = heldLoad(here, 'k', ['t']);
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await unacknowledged()).toBe(0);
    load.land();
    expect(await load.loaded).toBe('loaded before');
    expect(here.peek('k')).toBeUndefined();
  });
});

describe('What the store has not acknowledged of a tag', () => {
  const expire = async (down?: string): Promise<void> => {
    faulty.down = down;
    expect(await here.expireTags('t')).toBe(down === undefined);
  };
  const invalidate = async (): Promise<void> => {
    faulty.down = '';
    expect(await here.invalidateTags('t')).toBe(false);
  };

  it.each([
    ['an invalidation, and it acknowledges an expiry after that', () => invalidate().then(() => expire())],
    ['an invalidation, nor an expiry after that', () => invalidate().then(() => expire(''))],
    ['an expiry', () => expire('')],
    ['an expiry, and it acknowledges another one after that', () => expire('').then(() => expire())],
  ])('takes its entries as soon as it can, those with a stale life as well: %s', async (_, call) => {
    await there.set('k', 'old', { ttl: '1h', staleFor: '1h', tags: ['t'] });
    await call();
    faulty.down = undefined;
    await clock.advance('10s');
    expect(await unacknowledged()).toBe(0);
    expect([await there.get('k'), await here.get('k')]).toEqual([undefined, undefined]);
  });
});

describe('A set that the store has not acknowledged', () => {
  it('is what its request goes on with, and nobody else', async () => {
    await here.set('k', 'old', life);
    faulty.down = '';
    await scope.run(async () => {
      expect(await here.set('k', 'new', life)).toBe(false);
      expect(await here.get('k')).toBe('new');
    });
    expect(await here.get('k')).toBeUndefined();
  });

  it('leaves a removal, which is sent once more, also after a later set of the key was acknowledged', async () => {
    faulty.down = '';
    expect(await here.set('k', 1, life)).toBe(false);
    faulty.down = undefined;
    expect(await here.set('k', 2, life)).toBe(true);
    expect(await unacknowledged()).toBe(1);
    await clock.advance('4s');
    expect(await there.get('k')).toBe(2);
    await clock.advance('6s');
    expect(await unacknowledged()).toBe(0);
    expect(await there.get('k')).toBeUndefined();
  });
});

describe('A load that can’t take back what the store holds, since it can’t be reached any more', () => {
  const cutWith = (result: string | undefined) => (): string | undefined => {
    faulty.down = '';
    return result;
  };

  it.each([
    ['finds none, whatever there is', () => here.refresh('k', cutWith(undefined), life)],
    ['brings another value', () => here.refresh('k', cutWith('new'), life)],
    ['brings what is for its request alone', () => here.refresh('k', cutWith('mine'), { ttl: 0 })],
    [
      'finds none, as a refresh in the background',
      async () => {
        await here.set('k', 'old', { ttl: 1_000, staleFor: '1h' });
        await clock.advance('2s');
        await here.getOrSet('k', cutWith(undefined), { ttl: 1_000, staleFor: '1h' });
        await clock.advance('1s');
      },
    ],
  ])('takes it back as soon as it can: it %s', async (_, load) => {
    await here.set('k', 'old', life);
    await clock.advance('2s');
    expect(await there.get('k')).toBe('old');
    events.clear();
    await load();
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await here.get('k')).toBeUndefined();
    expect(await there.get('k')).toBeUndefined();
    expect(told()).toContain('k');
    expect(await unacknowledged()).toBe(0);
  });

  it('or could not be from the beginning: what is for its request alone takes it back as well', async () => {
    await here.set('k', 'old', life);
    faulty.down = '';
    expect(await here.refresh('k', () => 'mine', { ttl: 0 })).toBe('mine');
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await here.get('k')).toBeUndefined();
    expect(await there.get('k')).toBeUndefined();
  });

  it('tells the others of the value that it has stored, as soon as it can', async () => {
    await here.set('k', 'old', life);
    await clock.advance('2s');
    expect(await there.get('k')).toBe('old');
    events.clear();
    faulty.down = '~feed';
    expect(await here.refresh('k', () => 'new', life)).toBe('new');
    faulty.down = undefined;
    await clock.advance('5s');
    expect(told()).toContain('k');
    expect(await there.get('k')).toBe('new');
    expect(await here.get('k')).toBe('new');
  });
});

describe('An entry whose freshness was ended without an answer', () => {
  it('is removed twice, since the bytes of its stale form may still arrive', async () => {
    await here.set('k', 'old', { ttl: '10m', staleFor: '10m' });
    const storeKey = here.storeKey('k');
    const shard = shared.shardOf(storeKey);
    const [stale] = await shard.readMany([storeKey]);
    faulty.down = '';
    expect(await here.expire('k')).toBe(false);
    faulty.down = undefined;
    await clock.advance('1s');
    expect(await shard.readMany([storeKey])).toEqual([undefined]);
    await shard.write(storeKey, stale?.bytes ?? Buffer.alloc(0), { lifeMs: 600_000 });
    await clock.advance('6s');
    expect(await shard.readMany([storeKey])).toEqual([undefined]);
  });
});

describe('A change of which it is not known whether the store has taken it', () => {
  const increment = (): Promise<number> => here.update<number>('n', (n = 0) => n + 1);

  it('is told to the other processes as soon as the store answers, and what is stored stays', async () => {
    await here.set('n', 1, life);
    faulty.down = '~feed';
    await expect(increment()).rejects.toThrow(StoreUnavailableError);
    await clock.advance('1500ms');
    expect(await unacknowledged()).toBe(1);
    events.clear();
    faulty.down = undefined;
    await clock.advance('5s');
    expect(new Set(told())).toEqual(new Set(['n']));
    expect(await unacknowledged()).toBe(0);
    expect(await there.get('n')).toBe(1);
  });

  it('keeps out of the process what is loaded until then', async () => {
    faulty.down = '~feed';
    await expect(increment()).rejects.toThrow(StoreUnavailableError);
    const load = heldLoad(here, 'n');
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await unacknowledged()).toBe(0);
    load.land();
    expect(await load.loaded).toBe('loaded before');
    expect(here.peek('n')).toBeUndefined();
  });

  it('is told once more, since its bytes may arrive after the others were told, and alone', async () => {
    await here.set('n', 1, life);
    const storeKey = here.storeKey('n');
    const [before] = await shared.shardOf(storeKey).readMany([storeKey]);
    await there.set('n', 2, life);
    const [late] = await shared.shardOf(storeKey).readMany([storeKey]);
    await shared.shardOf(storeKey).write(storeKey, before?.bytes ?? Buffer.alloc(0), { lifeMs: 3_600_000 });
    faulty.down = '~feed';
    await expect(increment()).rejects.toThrow(StoreUnavailableError);
    faulty.down = undefined;
    await clock.advance('2s');
    expect(await unacknowledged()).toBe(0);
    expect(await there.get('n')).toBe(1);
    await shared.shardOf(storeKey).write(storeKey, late?.bytes ?? Buffer.alloc(0), { lifeMs: 3_600_000 });
    await clock.advance('10s');
    expect([await here.get('n'), await there.get('n')]).toEqual([2, 2]);
  });

  it('adds nothing where a removal waits, which tells them too', async () => {
    await here.set('n', 1, life);
    faulty.down = '~feed';
    await expect(increment()).rejects.toThrow(StoreUnavailableError);
    expect(await here.delete('n')).toBe(false);
    await expect(increment()).rejects.toThrow('not acknowledged yet');
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await unacknowledged()).toBe(0);
    expect(await there.get('n')).toBeUndefined();
  });

  it('takes the place of no removal that has failed meanwhile', async () => {
    await here.set('n', 1, life);
    faulty.down = '~feed';
    const updated = increment();
    const deleted = here.delete('n');
    await expect(updated).rejects.toThrow(StoreUnavailableError);
    expect(await deleted).toBe(false);
    faulty.down = undefined;
    await clock.advance('5s');
    expect(await unacknowledged()).toBe(0);
    expect(await there.get('n')).toBeUndefined();
  });

  it('takes what its request has read away from it', async () => {
    await here.set('n', 1, life);
    await scope.run(async () => {
      expect(await here.get('n')).toBe(1);
      faulty.down = '~feed';
      await expect(increment()).rejects.toThrow(StoreUnavailableError);
      expect(await here.get('n')).toBeUndefined();
    });
  });
});
