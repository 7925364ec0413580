import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import type { Invalidation } from '../../src/store/feed.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { Duration } from '../../src/value/duration.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { FaultyStore } from '../support/faulty-store.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { shardWith } from '../support/shard-with.js';

const life = { ttl: '1h' } as const;
const clock = new FakeClock();
/** So many that the call goes in two turns: `outer` in the first, `inner` in the second. */
const keys = ['outer', ...Array.from({ length: 499 }, (_, index) => `other:${index}`), 'inner'];

let shared: Store;
let here: TieredCache;
let mate: TieredCache;
/** What waits before the store carries out the invalidations of these numbers. */
const gates = new Map<number, { readonly opened: Promise<void>; readonly open: () => void }>();
let sent = 0;
let answered = 0;

function gate(number: number): void {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  gates.set(number, { opened, open });
}

beforeEach(async () => {
  [sent, answered] = [0, 0];
  gates.clear();
  shared = memoryStore({ clock });
  const store = storeBehind(shared, (shard) =>
    shardWith(shard, {
      async invalidate(asked: Invalidation) {
        await gates.get(++sent)?.opened;
        const done = await shard.invalidate?.(asked);
        answered++;
        return done;
      },
    }),
  );
  here = await buildCache({ name: 'here', store, clock });
  mate = await buildCache({ name: 'mate', store: shared, clock });
});
afterEach(async () => {
  for (const { open } of gates.values()) open();
  await Promise.all([here.close(), mate.close()]);
});

it('Nothing is built, behind the repetition of a long delete, on what was read before it and kept near', async () => {
  await mate.setMany([
    ['outer', 'old', life],
    ['inner', 'old', life],
  ]);
  await here.getMany(['outer', 'inner']);
  await clock.advance('2s');
  [sent, answered] = [0, 0];
  gate(2);
  gate(4);
  const deleted = here.deleteMany(keys);
  await eventually(() => expect(answered).toBe(1));
  expect(await here.get('inner')).toBe('old');
  gates.get(2)?.open();
  // Both turns were carried out, and the first is repeated.
  await eventually(() => expect(answered).toBe(3));
  const built = await here.getOrSet(
    'outer',
    async () => `with ${await here.getOrSet('inner', () => 'new', life)}`,
    life,
  );
  expect(built).toBe('with new');
  gates.get(4)?.open();
  expect(await deleted).toBe(true);
  expect(await mate.get('outer')).not.toBe('with old');
});

describe('What a call keeps in the process alone', () => {
  const near = { tiers: ['process'] } as const;

  it.each<[string, () => Promise<boolean>, unknown]>([
    ['set', () => here.set('a', 'later', near), 'later'],
    ['deleted', () => here.delete('a'), undefined],
  ])('is not put over what is %s while the rest of it is on its way to the store', async (_, later, stands) => {
    // 1. A call sets a, near, and b, which the store is slow to take; 2. a later call about a ends; 3. the store answers the first.
    gate(sent + 1);
    const both = here.setMany([
      ['a', 'earlier', near],
      ['b', 'stored', life],
    ]);
    await eventually(() => expect(sent).toBe(1));
    expect(await later()).toBe(true);
    gates.get(1)?.open();
    expect(await both).toBe(true);
    expect(await here.get('a')).toBe(stands);
  });

  it('is not put over what is called without waiting for it, where there is no store', async () => {
    const alone = await buildCache({ name: 'alone', store: undefined, clock });
    expect(await Promise.all([alone.set('a', 'earlier'), alone.delete('a')])).toEqual([true, true]);
    expect(await alone.get('a')).toBeUndefined();
    expect(await Promise.all([alone.set('a', 'earlier', { tags: ['t'] }), alone.set('a', 'later')])).toEqual([
      true,
      true,
    ]);
    expect(await alone.get('a')).toBe('later');
    expect(await Promise.all([alone.set('a', 'earlier', { tags: ['t'] }), alone.expire('a')])).toEqual([true, true]);
    expect(await alone.get('a')).toBeUndefined();
    await alone.close();
  });
});

it.each<[string, () => Promise<unknown>]>([
  ['near', () => here.set('k', 'old', { ...life, tags: ['t'], tiers: ['process'] })],
  ['in the store', () => here.set('k', 'old', { ...life, tags: ['t'] })],
  ['as it was updated', () => here.update('k', () => 'old', { ...life, tags: ['t'] })],
])('Nothing is kept %s whose tag was invalidated since its generation was read', async (_, change) => {
  // 1. The generations of an entry's tags are read, and one part of the store is slow to answer; 2. one of the tags is invalidated; 3. the answer comes.
  const held = new HeldAnswers(shared);
  here = await buildCache({ name: 'behind', store: held.store, clock });
  expect(await here.invalidateTags('t')).toBe(true);
  held.hold('readMany', '~tag:t');
  const changed = change();
  await eventually(() => expect(held.held).toBe(1));
  expect(await here.invalidateTags('t')).toBe(true);
  held.letGo();
  await changed;
  expect(here.peek('k')).toBeUndefined();
  expect(await here.get('k')).toBeUndefined();
});

it('Nothing that the store refuses is kept for the request whose tag it has invalidated since its generation was read', async () => {
  const faulty = new FaultyStore(shared);
  const held = new HeldAnswers(faulty.store);
  const scope = new RequestScope();
  here = await buildCache({ name: 'behind', store: held.store, clock, scope });
  expect(await here.invalidateTags('t', 'u')).toBe(true);
  await scope.run(async () => {
    held.hold('readMany', '~tag:u');
    const changed = here.set('k', 'old', { ...life, tags: ['t', 'u'] });
    await eventually(() => expect(held.held).toBe(1));
    expect(await here.invalidateTags('t')).toBe(true);
    faulty.down = here.storeKey('k');
    held.letGo();
    expect(await changed).toBe(false);
    expect(await here.get('k')).toBeUndefined();
    faulty.down = undefined;
  });
});

it('Nothing that the store refuses is kept for the request that has deleted it since', async () => {
  // 1. Of a call in two turns the first, with `outer`, is answered; 2. the request deletes `outer`; 3. the store refuses the second turn.
  const scope = new RequestScope();
  let refused = false;
  const store = storeBehind(shared, (shard) =>
    shardWith(shard, {
      async invalidate(asked: Invalidation) {
        await gates.get(++sent)?.opened;
        if (refused) throw new StoreUnavailableError('memory', 'it refuses');
        const done = await shard.invalidate?.(asked);
        answered++;
        return done;
      },
    }),
  );
  here = await buildCache({ name: 'in a request', store, clock, scope });
  [sent, answered] = [0, 0];
  gate(2);
  await scope.run(async () => {
    const set = here.setMany(keys.map((key) => [key, 'old', life] as const));
    await eventually(() => expect([sent, answered]).toEqual([2, 1]));
    expect(await here.delete('outer')).toBe(true);
    refused = true;
    gates.get(2)?.open();
    expect(await set).toBe(false);
    refused = false;
    expect(await here.get('outer')).toBeUndefined();
  });
});

it.each<[string, (value: Row) => Promise<unknown>]>([
  ['set', (row) => here.set('k', row, { tags: ['t'], ttl: ({ until }: Row) => new Date(until) })],
  [
    'set where there is none',
    (row) => here.setIfAbsent('k', row, { tags: ['t'], ttl: ({ until }: Row) => new Date(until) }),
  ],
])('What is %s ends when the value of the call did, whatever becomes of the value meanwhile', async (_, set) => {
  const row = { until: clock.now() + 60_000 };
  const done = set(row);
  row.until += 3_600_000;
  await done;
  expect(await here.get('k')).toMatchObject({ until: expect.any(Number) });
  await clock.advance('61s');
  expect(await here.get('k')).toBeUndefined();
});

it('What waits for longer than its span begins that when it is written', async () => {
  const held = new HeldAnswers(shared);
  here = await buildCache({ name: 'behind', store: held.store, clock });
  held.hold('readMany', '~tag:t');
  const set = here.setIfAbsent('k', 'value', { tags: ['t'], ttl: () => '1s' });
  await eventually(() => expect(held.held).toBe(1));
  await clock.advance('2s');
  held.letGo();
  expect(await set).toBe('value');
  expect(await here.get('k')).toBe('value');
});

it.each<[string, () => Duration | Date]>([
  ['of 0', () => 0],
  ['until a date that has passed', () => new Date(clock.now() - 1)],
])('A life %s of a value of the call stays that, whatever becomes of the value meanwhile', async (_, over) => {
  const lifeOf = ({ isOver }: { isOver: boolean }): Duration | Date => (isOver ? over() : '1h');
  const row = { isOver: true };
  const set = here.set('k', row, { tags: ['t'], ttl: lifeOf });
  row.isOver = false;
  expect(await set).toBe(true);
  expect([await here.get('k'), await mate.get('k')]).toEqual([undefined, undefined]);

  row.isOver = true;
  const first = here.setIfAbsent('k', row, { tags: ['t'], ttl: lifeOf });
  row.isOver = false;
  await expect(first).rejects.toMatchObject({ code: 'INVALID_OPTION' });
});

it('A negative answer of the call stays that, whatever becomes of the value meanwhile', async () => {
  const row = { isThere: false };
  const when = ({ isThere }: { isThere: boolean }): boolean => !isThere;
  const set = here.set('k', row, { ...life, tags: ['t'], negative: { when, ttl: 0 } });
  row.isThere = true;
  expect(await set).toBe(true);
  expect(await mate.get('k')).toBeUndefined();
});

it('A value whose date passes while it waits is not kept, whatever becomes of the value meanwhile', async () => {
  const held = new HeldAnswers(shared);
  here = await buildCache({ name: 'behind', store: held.store, clock });
  held.hold('readMany', '~tag:t');
  const row = { until: clock.now() + 1_000 };
  const set = here.set('k', row, { tags: ['t'], ttl: ({ until }: Row) => new Date(until) });
  row.until += 3_600_000;
  await eventually(() => expect(held.held).toBe(1));
  await clock.advance('2s');
  held.letGo();
  expect(await set).toBe(true);
  expect(await mate.get('k')).toBeUndefined();
});

interface Row {
  until: number;
}
