import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { fleetStores, startFleet } from '../support/fleet/start-fleet.js';
import type { BurstOutcome } from '../support/fleet/fleet-member.js';
import type { Fleet } from '../support/fleet/start-fleet.js';
import { expectInQuiet } from '../support/in-quiet.js';

const endurance = process.env['ENDURANCE'] === '1';
const callers = endurance ? 250 : 100;
/** Whoever asks before it is over knows that the lease was given back. */
const leaseLifeMs = 3_000;
/** In each process that asks for what can't be loaded. */
const waiters = endurance ? 25 : 50;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(fleetStores)('four processes on one %s store', (store) => {
  let fleet: Fleet;
  const all = <R>(work: (index: number) => Promise<R>): Promise<R[]> =>
    Promise.all(fleet.members.map((_, index) => work(index)));

  /** Until each of them finds the key so. */
  const untilEach = (key: string, found: object): Promise<unknown> =>
    all((i) => eventually(async () => expect(await fleet.member(i).call('lookup', 'main', key)).toMatchObject(found)));

  beforeAll(async () => {
    fleet = await startFleet(store, {
      members: 4,
      files: { stamp: 'one' },
      caches: { main: {}, 'without leases': { withoutLeases: true }, stamped: { stampFile: 'stamp' } },
    });
  });
  afterAll(() => fleet.stop());

  it(`F1 load a cold key once for 4 × ${callers} callers`, async () => {
    fleet.write('cold', 'row');
    const outcomes = await all((i) => fleet.member(i).call('burst', 'main', 'cold', callers, { takesMs: 300 }));
    expect(fleet.journal('load cold')).toEqual(['load cold row']);
    for (const { values, errors } of outcomes) {
      expect(errors).toEqual({});
      expect(values).toEqual({ '{"row":"row"}': callers });
    }
  });

  it('F1 (−) load it several times when no process wins the right to', async () => {
    fleet.write('cold2', 'row');
    await all((i) => fleet.member(i).call('burst', 'without leases', 'cold2', callers, { takesMs: 300 }));
    expect(fleet.journal('load cold2').length).toBeGreaterThan(1);
  });

  it('F2 refresh a stale key once, and answer everybody from the stale value without waiting', async () => {
    fleet.write('stale', 'old');
    const life = { ttl: 2_000, staleFor: 60_000 };
    await all((i) => fleet.member(i).call('getOrSet', 'main', 'stale', {}, life));
    expect(fleet.journal('load stale')).toHaveLength(1);
    await untilEach('stale', { hit: true, freshness: 'stale' });
    fleet.write('stale', 'new');
    const fresh = { ttl: 60_000, staleFor: 60_000 };
    // Nobody waits for the refresh: it does not end before all are answered.
    const script = { gate: 'stale.gate' };
    const outcomes = await all((i) => fleet.member(i).call('burst', 'main', 'stale', callers, script, fresh));
    for (const { values } of outcomes) expect(values).toEqual({ '{"row":"old"}': callers });
    fleet.write('stale.gate');
    await eventually(async () => {
      const values = await all((i) => fleet.member(i).call('getOrSet', 'main', 'stale', script, fresh));
      expect(values).toEqual(Array.from({ length: 4 }, () => ({ row: 'new' })));
    });
    expect(fleet.journal('load stale')).toEqual(['load stale old', 'load stale new']);
  });

  it('F2 keep what a refresh brings home after the end of the stale value, and wait for it meanwhile', async () => {
    fleet.write('late', 'old');
    const life = { ttl: 1_000, staleFor: 5_000 };
    await all((i) => fleet.member(i).call('getOrSet', 'main', 'late', {}, life));
    await untilEach('late', { hit: true, freshness: 'stale' });
    fleet.write('late', 'new');
    const [fresh, script] = [{ ttl: 60_000 }, { gate: 'late.gate' }];
    expect(await fleet.member(0).call('getOrSet', 'main', 'late', script, fresh)).toEqual({ row: 'old' });
    await untilEach('late', { hit: false });
    const waiting = all((i) => fleet.member(i).call('getOrSet', 'main', 'late', script, fresh));
    for (const member of fleet.members)
      await eventually(async () => expect(await member.call('underWay', 'main')).toBeGreaterThan(0));
    fleet.write('late.gate');
    const values = await waiting;
    expect(values).toEqual(Array.from({ length: 4 }, () => ({ row: 'new' })));
    expect(fleet.journal('load late')).toEqual(['load late old', 'load late new']);
  });

  it('F5 load at most once per second while the source fails, tell everybody who waited, and cache no error', async () => {
    const failsWith = { message: 'source down', status: 503 };
    const startedAt = performance.now();
    const forMs = endurance ? 10_000 : 0;
    const outcomes = await all(async (i) => {
      const seen: BurstOutcome[] = [];
      // Each process has a load of its own to fail before it can tell its callers: fewer processes need less time.
      if (i >= 2 && !endurance) return seen;
      do seen.push(await fleet.member(i).call('burst', 'main', 'failing', waiters, { takesMs: 20, failsWith }));
      while (performance.now() - startedAt < forMs);
      return seen;
    });
    const tookMs = performance.now() - startedAt;
    for (const { values, errors, distinctErrors } of outcomes.flat()) {
      expect(values).toEqual({});
      expect(errors).toEqual({ 'Error: source down': waiters });
      expect(distinctErrors).toBe(1);
    }
    expect(await all((i) => fleet.member(i).call('underWay', 'main'))).toEqual([0, 0, 0, 0]);
    const loads = fleet.journal('load failing').length;
    expect(loads).toBeGreaterThanOrEqual(2);
    // memcached ends a life of one second up to one second early.
    expect(loads).toBeLessThanOrEqual(Math.ceil(tookMs / (store === 'memcached' ? 500 : 1_000)) + 1);
    fleet.write('failing', 'well');
    // Who has seen the source fail answers with that for a moment.
    await eventually(async () => {
      const after = await all((i) => fleet.member(i).call('getOrSet', 'main', 'failing'));
      expect(after).toEqual(Array.from({ length: 4 }, () => ({ row: 'well' })));
    });
  });

  it('F6 go on with a load for the callers who stay', async () => {
    fleet.write('left', 'row');
    const leaving = fleet.member(0).call('getOrSetUntilAborted', 'main', 'left', 'one', { gate: 'left.gate' });
    const left = expect(leaving).rejects.toThrow('one left');
    await eventually(() => expect(fleet.journal('load left')).toHaveLength(1));
    const staying = fleet.member(0).call('getOrSet', 'main', 'left');
    const elsewhere = fleet.member(1).call('getOrSet', 'main', 'left');
    await eventually(async () => {
      expect(await fleet.member(0).call('eventsOf', 'left')).toContainEqual(
        expect.objectContaining({ event: 'loadJoined' }),
      );
      expect(await fleet.member(1).call('underWay', 'main')).toBe(1);
    });
    await fleet.member(0).call('abort', 'one');
    await left;
    fleet.write('left.gate');
    expect(await Promise.all([staying, elsewhere])).toEqual([{ row: 'row' }, { row: 'row' }]);
    expect(fleet.journal('load left')).toHaveLength(1);
  });

  it('F6 give the right to load back at once when all have left', async () => {
    fleet.write('gone', 'row');
    const leaving = fleet.member(0).call('getOrSetUntilAborted', 'main', 'gone', 'two', { gate: 'never' });
    const left = expect(leaving).rejects.toThrow('two left');
    await eventually(() => expect(fleet.journal('load gone')).toHaveLength(1));
    await fleet.member(0).call('abort', 'two');
    await left;
    const startedAt = performance.now();
    expect(await fleet.member(1).call('getOrSet', 'main', 'gone')).toEqual({ row: 'row' });
    expect(performance.now() - startedAt).toBeLessThan(leaseLifeMs);
    expectInQuiet(performance.now() - startedAt, 800);
  });

  it('F7 load each key once more when the stamp changes under load, and fail nobody', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `stamped${i}`);
    for (const key of keys) fleet.write(key, 'row');
    let changedAt = Infinity;
    const errors = await all(async (i) => {
      const seen: Record<string, number>[] = [];
      const askForAll = async (): Promise<void> => {
        for (const key of keys) seen.push((await fleet.member(i).call('burst', 'stamped', key, 5, {})).errors);
      };
      // Members notice the change within a second of it, each in its time, and all of them before the last round.
      while (performance.now() - changedAt < 1_100) {
        await askForAll();
        if (i > 0 || changedAt < Infinity) continue;
        fleet.write('stamp', 'two');
        changedAt = performance.now();
      }
      await askForAll();
      return seen.flatMap((counts) => Object.keys(counts));
    });
    expect(errors.flat()).toEqual([]);
    const loads = keys.map((key) => fleet.journal(`load ${key} `).length);
    // One for each stamp.
    expect(loads).toEqual(keys.map(() => 2));
  });

  it('F8 load 600 of 1,000 keys with one call, in order, with duplicates, extras and omissions', async () => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `bulk${i}`);
    for (const key of keys.slice(0, 400)) await fleet.member(i(key)).call('set', 'main', key, `stored ${key}`);
    const omits = keys.slice(400, 500);
    const adds = ['extra1', 'extra2', 'extra3', 'extra4', 'extra5'];
    const asked = [...keys, ...keys.slice(0, 50), ...keys.slice(990)];
    const { values, calls } = await fleet.member(0).call('getOrSetMany', 'main', asked, { omits, adds });
    expect(calls).toEqual([keys.slice(400)]);
    const expected = keys.map((key, n) => (n < 400 ? `stored ${key}` : n < 500 ? undefined : `loaded ${key}`));
    expect(values).toEqual([...expected, ...expected.slice(0, 50), ...expected.slice(990)]);
    for (const key of adds) expect(await fleet.member(1).call('lookup', 'main', key)).toMatchObject({ hit: false });
    expect(await fleet.member(1).call('lookup', 'main', 'bulk700')).toMatchObject({
      hit: true,
      value: 'loaded bulk700',
    });
    // The leases of what upstream left out were given back: another process may load it at once.
    const startedAt = performance.now();
    expect(await fleet.member(1).call('getOrSetMany', 'main', ['bulk400'])).toEqual({
      values: ['loaded bulk400'],
      calls: [['bulk400']],
    });
    expect(performance.now() - startedAt).toBeLessThan(leaseLifeMs);
    expectInQuiet(performance.now() - startedAt, 1_500);
    function i(key: string): number {
      return Number(key.slice(4)) % 4;
    }
  });

  it('F8 load the common keys of two bulks once, and neither waits for the other for ever', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `shared${i}`);
    const [there, back] = await Promise.all([
      fleet.member(0).call('getOrSetMany', 'main', keys, { takesMs: 300 }),
      fleet.member(1).call('getOrSetMany', 'main', [...keys].reverse(), { takesMs: 300 }),
    ]);
    expect(there.values).toEqual(keys.map((key) => `loaded ${key}`));
    expect(back.values).toEqual([...there.values].reverse());
    const loads = [...there.calls, ...back.calls].flat();
    expect(loads.sort()).toEqual([...keys].sort());
    expect(there.calls.length).toBeLessThanOrEqual(1);
    expect(back.calls.length).toBeLessThanOrEqual(1);
  });

  it('F3 let a loader that hangs give way after maxLoad, and nobody hangs with it', async () => {
    fleet.write('hanging', 'row');
    const hanging = fleet.member(0).call('getOrSet', 'main', 'hanging', { hangs: true }, { maxLoad: 500 });
    const timedOut = expect(hanging).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
    await eventually(() => expect(fleet.journal('load hanging')).toHaveLength(1));
    expect(await fleet.member(1).call('getOrSet', 'main', 'hanging')).toEqual({ row: 'row' });
    await timedOut; // its lease was renewed until then: without maxLoad nobody else would have loaded
    expect(await fleet.member(0).call('getOrSet', 'main', 'hanging')).toEqual({ row: 'row' });
    expect(fleet.journal('load hanging')).toHaveLength(2);
  });

  // Last: nobody comes back in the place of the killed one.
  if (store !== 'memory')
    it('F3 load a second time within the life of the lease of a process that was killed', async () => {
      fleet.write('killed', 'row');
      const dying = fleet.member(3).call('getOrSet', 'main', 'killed', { hangs: true });
      dying.catch(() => {});
      await eventually(() => expect(fleet.journal('load killed')).toHaveLength(1));
      const waiting = fleet.member(1).call('getOrSet', 'main', 'killed');
      await pause(endurance ? 1_200 : 100); // with a renewal, or without
      await fleet.member(3).worker?.kill();
      const killedAt = performance.now();
      expect(await waiting).toEqual({ row: 'row' });
      // Three seconds from the last renewal, one poll, and memcached's clock.
      expectInQuiet(performance.now() - killedAt, 4_500);
      expect(fleet.journal('load killed')).toHaveLength(2);
    });
});
