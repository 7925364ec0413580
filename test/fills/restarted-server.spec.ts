import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { startFleet } from '../support/fleet/start-fleet.js';
import type { Fleet } from '../support/fleet/start-fleet.js';
import type { MemcachedProcess } from '../support/memcached-process.js';

describe('memcached is restarted during a load, and its revisions begin again', () => {
  let fleet: Fleet;
  let server: MemcachedProcess;

  beforeEach(async () => {
    fleet = await startFleet('memcached', {
      members: 2,
      caches: {
        main: {},
        // Without the log, which by itself distrusts what was stored before the server lost it.
        'leases alone': { configuration: { coherence: false } },
        nothing: { configuration: { coherence: false }, protections: { leases: false, versions: false } },
      },
    });
    server = fleet.server as MemcachedProcess;
  });
  afterEach(() => fleet.stop());

  const revisionOf = async (key: string): Promise<number> =>
    Number(/ c(\d+)/.exec(await server.command(`mg ${key} c`))?.[1]);

  /** Makes the next revision that the server hands out this one. */
  async function nextRevision(revision: number): Promise<void> {
    await server.command('set pad 0 0 1\r\nx');
    const missing = revision - 1 - (await revisionOf('pad'));
    expect(missing).toBeGreaterThanOrEqual(0);
    if (missing > 0) await server.command(Array.from({ length: missing }, () => 'set pad 0 0 1\r\nx').join('\r\n'));
  }

  /** 1. P0 wins the lease of revision 500; 2. the server restarts; 3. P1 wins a lease of revision 500. */
  async function twoLeasesOfOneRevision(): Promise<{ first: Promise<unknown>; second: Promise<unknown>; key: string }> {
    const [p0, p1] = [fleet.member(0), fleet.member(1)];
    const key = await p0.call('storeKey', 'main', 'row');
    fleet.write('row', 'old');
    // Lists the version, which takes a revision of its own.
    for (const member of [p0, p1]) await member.call('lookup', 'main', 'row');
    await nextRevision(500);
    const first = p0.call('getOrSet', 'main', 'row', { gate: 'first.gate' });
    await eventually(() => expect(fleet.journal('load row')).toHaveLength(1));
    expect(await revisionOf(key)).toBe(500);
    await server.restart();
    fleet.write('row', 'new');
    // Both are back when they have made their log's counters anew.
    await eventually(async () => {
      for (const member of [p0, p1])
        expect(await member.call('lookup', 'main', 'row')).toMatchObject({ reason: 'absent' });
    });
    // A reader that finds the feed lost begins a new one, and a look-up after that lists the version anew: both take revisions of their own.
    for (let time = 0; time < 2; time++) {
      for (const member of [p0, p1]) await member.call('logRead', 'main');
      for (const member of [p0, p1]) await member.call('lookup', 'main', 'row');
    }
    await nextRevision(500);
    const second = p1.call('getOrSet', 'main', 'row', { gate: 'second.gate' });
    await eventually(() => expect(fleet.journal('load row')).toHaveLength(2));
    expect(await revisionOf(key)).toBe(500);
    return { first, second, key };
  }

  it('F11 the fill of a lease from before is refused, though another lease of equal revision stands', async () => {
    const { first, second } = await twoLeasesOfOneRevision();
    fleet.write('first.gate');
    expect(await first).toEqual({ row: 'old' });
    expect(await fleet.member(1).call('lookup', 'main', 'row')).toMatchObject({ hit: false });
    fleet.write('second.gate');
    expect(await second).toEqual({ row: 'new' });
    expect(await fleet.member(0).call('lookup', 'main', 'row')).toMatchObject({ value: { row: 'new' } });
    const events = await fleet.member(0).call('eventsOf', 'row');
    expect(events).toContainEqual(expect.objectContaining({ event: 'loadRefused', reason: 'lease-lost' }));
  });

  it('F11 (−) it is taken and read by others where only the shared protection is off, and by nobody where it is on', async () => {
    const caches = ['leases alone', 'nothing'];
    const loads = (member: number, gate: string) =>
      Promise.all(caches.map((cache) => fleet.member(member).call('getOrSet', cache, 'row', { gate })));
    fleet.write('row', 'old');
    const first = loads(0, 'first.gate');
    await eventually(() => expect(fleet.journal('load row')).toHaveLength(2));
    await server.restart();
    fleet.write('row', 'new');
    const second = loads(1, 'second.gate');
    await eventually(() => expect(fleet.journal('load row')).toHaveLength(4));
    // A process that has no connection yet gives its fill up.
    await eventually(async () => {
      for (const cache of caches)
        expect(await fleet.member(0).call('lookup', cache, 'other')).toMatchObject({ reason: 'absent' });
    });
    fleet.write('first.gate');
    expect(await first).toEqual([{ row: 'old' }, { row: 'old' }]);
    const [refused, taken] = await Promise.all(caches.map((cache) => fleet.member(1).call('lookup', cache, 'row')));
    expect(refused).toMatchObject({ hit: false });
    expect(taken).toMatchObject({ hit: true, value: { row: 'old' } });
    fleet.write('second.gate');
    await second;
  });

  it('F11 (−) the server itself takes it: it can tell the two apart by nothing', async () => {
    const { first, second, key } = await twoLeasesOfOneRevision();
    expect(await server.command(`ms ${key} 3 C500\r\nold`)).toBe('HD');
    fleet.write('first.gate');
    fleet.write('second.gate');
    await Promise.all([first, second]);
  });
});

describe('Redis is restarted during a load', () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await startFleet('redis', {
      members: 2,
      caches: { main: {}, 'leases alone': { configuration: { coherence: false } } },
    });
  });
  afterEach(() => fleet.stop());

  it.each(['main', 'leases alone'])(
    'F11 the fill of a lease from before is refused, though another one stands: %s',
    async (cache) => {
      const [p0, p1] = [fleet.member(0), fleet.member(1)];
      fleet.write('row', 'old');
      for (const member of [p0, p1]) await member.call('lookup', cache, 'row');
      const first = p0.call('getOrSet', cache, 'row', { gate: 'first.gate' });
      await eventually(() => expect(fleet.journal('load row')).toHaveLength(1));
      await fleet.redis?.restart();
      fleet.write('row', 'new');
      await eventually(async () => {
        for (const member of [p0, p1])
          expect(await member.call('lookup', cache, 'row')).toMatchObject({ reason: 'absent' });
      });
      const second = p1.call('getOrSet', cache, 'row', { gate: 'second.gate' });
      await eventually(() => expect(fleet.journal('load row')).toHaveLength(2));
      fleet.write('first.gate');
      expect(await first).toEqual({ row: 'old' });
      expect(await p1.call('lookup', cache, 'row')).toMatchObject({ hit: false });
      fleet.write('second.gate');
      expect(await second).toEqual({ row: 'new' });
      expect(await p0.call('lookup', cache, 'row')).toMatchObject({ value: { row: 'new' } });
    },
  );
});
