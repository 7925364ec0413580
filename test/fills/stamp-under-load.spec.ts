import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { startFleet } from '../support/fleet/start-fleet.js';
import type { Fleet } from '../support/fleet/start-fleet.js';

describe('two processes on one memcached, the stamp changing under load', () => {
  const limit = 3;
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = await startFleet('memcached', {
      members: 2,
      files: { stamp: 'one' },
      caches: {
        limited: { stampFile: 'stamp', configuration: { maxConcurrentLoads: limit } },
        unlimited: { stampFile: 'stamp' },
      },
    });
  });
  afterAll(() => fleet.stop());

  /** Both ask for all keys at once, again and again, until both have noticed that the stamp changed. */
  async function changeStamp(
    cache: string,
    stamp: string,
  ): Promise<{ keys: string[]; before: string[]; errors: string[] }> {
    const keys = Array.from({ length: 40 }, (_, i) => `${cache}${i}`);
    for (const key of keys) fleet.write(key, 'row');
    const errors: string[] = [];
    let before: string[] = [];
    let changedAt = Infinity;
    const round = async (member: number): Promise<void> => {
      const bursts = keys.map((key) => fleet.member(member).call('burst', cache, key, 5, { takesMs: 20 }));
      for (const burst of await Promise.all(bursts)) errors.push(...Object.keys(burst.errors));
    };
    await Promise.all(
      [0, 1].map(async (member) => {
        const first = round(member);
        if (member === 0) {
          await eventually(() => expect(fleet.journal(`loaded ${cache}`).length).toBeGreaterThan(2));
          before = keys.filter((key) => fleet.journal(`load ${key} `).length > 0);
          fleet.write('stamp', stamp);
          changedAt = performance.now();
        }
        await first;
        while (performance.now() - changedAt < 1_100) await round(member);
        await round(member);
      }),
    );
    return { keys, before, errors };
  }

  /** The most loaders that ran at once in each process, by what they wrote down themselves. */
  const mostAtOnce = (cache: string): number[] =>
    [0, 1].map((member) => {
      let [running, most] = [0, 0];
      for (const line of fleet.journal('', member)) {
        if (line.startsWith(`load ${cache}`)) most = Math.max(most, ++running);
        else if (line.startsWith(`loaded ${cache}`)) running--;
      }
      return most;
    });

  it(`F7 run no more than ${limit} loaders each, fail nobody, and load each key once for each stamp`, async () => {
    const { keys, before, errors } = await changeStamp('limited', 'two');
    expect(errors).toEqual([]);
    for (const most of mostAtOnce('limited')) expect(most).toBeLessThanOrEqual(limit);
    expect(Math.max(...mostAtOnce('limited'))).toBe(limit);
    const loads = (key: string): number => fleet.journal(`load ${key} `).length;
    expect(before.map(loads)).toEqual(before.map(() => 2));
    // On a busy machine the stamp is noticed before the first of them begin.
    const others = keys.filter((key) => !before.includes(key));
    expect(others.filter((key) => ![1, 2].includes(loads(key)))).toEqual([]);
  });

  it('F7 (−) run more where there is no limit', async () => {
    expect((await changeStamp('unlimited', 'three')).errors).toEqual([]);
    expect(Math.max(...mostAtOnce('unlimited'))).toBeGreaterThan(limit);
  });
});
