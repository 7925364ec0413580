import { describe, expect, it } from '@jest/globals';
import type { CacheConfiguration, Protections } from '../../src/cache/cache-configuration.js';
import { SimulatedFleet } from '../support/simulation/simulated-fleet.js';

const endurance = process.env['ENDURANCE'] === '1';
const turns = 150;

/** The first seed among these whose story ends with a violation, told. */
async function firstViolation(
  seeds: readonly number[],
  protections?: Protections,
  configuration?: Partial<CacheConfiguration>,
): Promise<string | undefined> {
  for (const seed of seeds) {
    const fleet = new SimulatedFleet(seed, protections, configuration);
    await fleet.run(turns);
    if (fleet.violations.length === 0) continue;
    const replay = `SEED=${seed} npm run jest -- test/fills/fill-protocol.spec.ts`;
    return `${fleet.violations.join('\n')}\nReplay: ${replay}\n${fleet.trace.slice(-400).join('\n')}`;
  }
  return undefined;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('three processes under a seeded scheduler', () => {
  const one = Number(process.env['SEED'] ?? 0);
  const count = endurance ? 20_000 : 2_000;
  const limitMs = endurance ? 1_800_000 : 300_000;

  it(
    `F4 never read what is older than the last acknowledged invalidation: ${one ? `seed ${one}` : `${count} seeds`}`,
    async () => {
      expect(await firstViolation(one ? [one] : upTo(count))).toBeUndefined();
    },
    limitMs,
  );

  it('the same seed tells the same story, and seeds that are neighbours tell of all rows', async () => {
    const told: string[] = [];
    for (const seed of [...upTo(20), ...upTo(20)]) {
      const fleet = new SimulatedFleet(seed);
      await fleet.run(turns);
      told.push(fleet.trace.join('\n'));
    }
    expect(told.slice(20)).toEqual(told.slice(0, 20));
    for (const row of ['a', 'b', 'tag1', 'tag2']) {
      expect(told.filter((story) => story.includes(` invalidate ${row} begins`)).length).toBeGreaterThan(2);
    }
  });

  it(
    'F7 neither do they, and every call comes back, where each process runs one load at a time',
    async () => {
      expect(await firstViolation(one ? [one] : upTo(count / 4), {}, { maxConcurrentLoads: 1 })).toBeUndefined();
    },
    limitMs,
  );

  it.each<[string, Protections, Partial<CacheConfiguration>]>([
    ['fills are not bound to a revision', { leases: false }, {}],
    ['an entry outlives the generations of its tags', { generations: false }, {}],
    ['near tiers keep what began before an invalidation', { names: false }, {}],
    ['nobody reads what others invalidated', {}, { coherence: false }],
  ])(
    'F4 (−) do so within these seeds when %s',
    async (_, protections, configuration) => {
      expect(await firstViolation(upTo(count), protections, configuration)).toMatch(
        /was acknowledged|after it had written/,
      );
    },
    limitMs,
  );
});
