import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { fleetStores, startFleet } from '../support/fleet/start-fleet.js';
import type { Fleet } from '../support/fleet/start-fleet.js';

const life = { ttl: 60_000, staleFor: 60_000 };

/** How a row is invalidated while its load runs. */
const invalidations = ['delete', 'set', 'tag'] as const;
type Invalidation = (typeof invalidations)[number];
/** What kind of load it is. */
const kinds = ['a first load', 'a background refresh', 'an early refresh'] as const;
type Kind = (typeof kinds)[number];

describe.each(fleetStores)('a load that is overtaken by an invalidation, on %s', (store) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet(store, {
      caches: {
        main: {},
        'fills unfenced': { protections: { leases: false } },
        'tags unfenced': { protections: { generations: false } },
        'near unfenced': { protections: { names: false } },
      },
    });
  });
  afterAll(() => fleet.stop());

  const optionsOf = (key: string, kind: Kind, invalidation: Invalidation): object => ({
    ...life,
    ...(kind === 'a background refresh' && { ttl: 100 }),
    ...(kind === 'an early refresh' && { ttl: 2_000, earlyRefresh: 100 }),
    ...(invalidation === 'tag' && { tags: [key] }),
  });

  const keyOf = (kind: Kind, invalidation: Invalidation): string => `${kind} ${invalidation}`.replaceAll(' ', '-');
  /** 1. P0 loads the old row; 2. the row changes and P1 invalidates it; 3. the load ends. */
  async function overtake(cache: string, key: string, kind: Kind, invalidation: Invalidation): Promise<void> {
    const [p0, p1] = [fleet.member(0), fleet.member(1)];
    const options = optionsOf(key, kind, invalidation);
    fleet.write(key, 'old');
    let loads = 0;
    if (kind !== 'a first load') {
      // A costly load makes an early refresh nearly certain; the background refresh waits for the end of freshness.
      await p0.call('getOrSet', cache, key, { takesMs: kind === 'an early refresh' ? 700 : 0 }, options);
      if (kind === 'a background refresh')
        await eventually(async () => expect(await p0.call('lookup', cache, key)).toMatchObject({ freshness: 'stale' }));
      loads = 1;
    }
    const ask = (): Promise<unknown> => p0.call('getOrSet', cache, key, { gate: `${key}.gate` }, options);
    // A first load is asked for once: a later call may begin a flight of its own, with the new row. A refresh answers at once, and begins when it is due.
    const loading = ask();
    loading.catch(() => {});
    await eventually(
      async () => {
        if (kind !== 'a first load') expect(await ask()).toEqual({ row: 'old' });
        expect(fleet.journal(`load ${key} `)).toHaveLength(loads + 1);
      },
      { everyMs: 50 },
    );
    fleet.write(key, 'new');
    if (invalidation === 'delete') expect(await p1.call('delete', cache, key)).toBe(true);
    if (invalidation === 'set') expect(await p1.call('set', cache, key, { row: 'new' }, life)).toBe(true);
    if (invalidation === 'tag') expect(await p1.call('invalidateTags', cache, key)).toBe(true);
    // Now and then the load ends before its process has read the log, and now and then after.
    if (invalidation !== 'set') await p0.call('logRead', cache);
    fleet.write(`${key}.gate`);
    expect(await loading).toEqual({ row: 'old' });
    await eventually(() => expect(fleet.journal(`loaded ${key} `)).toHaveLength(loads + 1));
    // The fill has come and gone, and every process has read the log.
    await eventually(async () => expect(await p0.call('underWay', cache)).toBe(0));
    await logReadByAll(cache);
  }

  const logReadByAll = (cache: string) => Promise.all(fleet.members.map((one) => one.call('logRead', cache)));
  const lookupsOf = (cache: string, key: string) =>
    Promise.all(fleet.members.map((member) => member.call('lookup', cache, key)));

  for (const kind of kinds) {
    for (const invalidation of invalidations) {
      it(`F4 what ${kind} brings is served by no process after a ${invalidation}`, async () => {
        const key = keyOf(kind, invalidation);
        await overtake('main', key, kind, invalidation);
        for (const found of await lookupsOf('main', key)) {
          if (invalidation === 'set') expect(found).toMatchObject({ hit: true, value: { row: 'new' } });
          else expect(found).toMatchObject({ hit: false });
        }
        const options = optionsOf(key, 'a first load', invalidation);
        const again = await Promise.all(fleet.members.map((one) => one.call('getOrSet', 'main', key, {}, options)));
        expect(again).toEqual([{ row: 'new' }, { row: 'new' }, { row: 'new' }]);
      });
    }
  }

  it.each(['delete', 'set'] as const)(
    'F4 (−) is read by others after a %s where only the shared protection is off',
    async (invalidation) => {
      const key = `unfenced-${invalidation}`;
      await overtake('fills unfenced', key, 'a first load', invalidation);
      expect(await fleet.member(2).call('lookup', 'fills unfenced', key)).toMatchObject({ value: { row: 'old' } });
    },
  );

  it('F4 (−) is read by others after a tag where only the shared protection is off, which is the generation', async () => {
    await overtake('tags unfenced', 'outlived-tag', 'a first load', 'tag');
    expect(await fleet.member(2).call('lookup', 'tags unfenced', 'outlived-tag')).toMatchObject({
      tier: store,
      value: { row: 'old' },
    });
    // In its own process the fence has refused it; the lease has no part in it: without leases, nobody reads the old row.
    expect(await fleet.member(0).call('eventsOf', 'outlived-tag')).toContainEqual(
      expect.objectContaining({ event: 'loadRefused', reason: 'invalidated' }),
    );
    await overtake('fills unfenced', 'leaseless-tag', 'a first load', 'tag');
    expect(await fleet.member(2).call('lookup', 'fills unfenced', 'leaseless-tag')).toMatchObject({ hit: false });
  });

  it('F4 (−) is kept in its own process after a tag where only the fence of the process is off', async () => {
    await overtake('near unfenced', 'unfenced-tag', 'a first load', 'tag');
    expect(await fleet.member(0).call('lookup', 'near unfenced', 'unfenced-tag')).toMatchObject({
      tier: 'process',
      value: { row: 'old' },
    });
    // What the store holds is worth nothing for the others: the generation protects it by itself.
    expect(await fleet.member(2).call('lookup', 'near unfenced', 'unfenced-tag')).toMatchObject({ hit: false });
  });

  /** 1. P0 reads the store, and the answer takes its time; 2. P1 deletes, and P0 reads so in the log; 3. the answer comes. */
  async function overtakeRead(cache: string, key: string): Promise<void> {
    const [p0, p1] = [fleet.member(0), fleet.member(1)];
    await p1.call('set', cache, key, 'old', life);
    await p0.call('logRead', cache);
    const storeKey = await p0.call('storeKey', cache, key);
    await p0.call('hold', cache, 'readMany', storeKey);
    const reading = p0.call('lookup', cache, key);
    await eventually(async () => expect(await p0.call('held', cache)).toBe(1));
    await p1.call('delete', cache, key);
    await p0.call('logRead', cache);
    await p0.call('letGo', cache);
    expect(await reading).toMatchObject({ hit: true, value: 'old' });
  }

  it('F10 a read in flight while another process deletes is answered, and not kept', async () => {
    await overtakeRead('main', 'backfill');
    expect(await fleet.member(0).call('lookup', 'main', 'backfill')).toEqual({ hit: false, reason: 'absent' });
  });

  it('F10 (−) is kept and served without the fence', async () => {
    await overtakeRead('near unfenced', 'backfill');
    expect(await fleet.member(0).call('lookup', 'near unfenced', 'backfill')).toMatchObject({
      tier: 'process',
      value: 'old',
    });
  });
});
