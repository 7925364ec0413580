import { describe, expect, it } from '@jest/globals';
import type { CacheConfiguration, Protections } from '../../src/cache/cache-configuration.js';
import { simulate } from '../../src/testing/simulation.js';
import { rowSimulation } from '../support/simulation/row-simulation.js';

const endurance = process.env['ENDURANCE'] === '1';
const one = Number(process.env['SEED'] ?? 0);
const count = endurance ? 50_000 : Number(process.env['SEEDS'] ?? 200);
const limitMs = 1_500 * Math.max(200, count);
const seedsUpTo = (most: number): number | readonly number[] => (one ? [one] : most);

type RowSimulation = typeof rowSimulation;
const withCache = (cache: Partial<CacheConfiguration>): RowSimulation => ({
  ...rowSimulation,
  turns: 150,
  cache: { ...rowSimulation.cache, ...cache },
});

describe('three processes under a seeded scheduler', () => {
  it(
    `F4 never read what is older than the last acknowledged invalidation, never go back, and give nothing up: ${one ? `seed ${one}` : `${count} seeds`}`,
    async () => {
      const { resolved, faults } = await simulate({ ...withCache({}), seeds: seedsUpTo(count) });
      if (one) return;
      expect(Object.keys(resolved).sort()).toEqual(Object.keys(rowSimulation.operations).sort());
      expect(faults).toBeGreaterThan(count);
    },
    limitMs,
  );

  it(
    'F7 neither do they, and every call comes back, where each process runs one load at a time',
    async () => {
      await simulate({ ...withCache({ maxConcurrentLoads: 1 }), seeds: seedsUpTo(count / 4) });
    },
    limitMs,
  );

  /** What breaks without a protection is found sooner where little else goes on. */
  const named = (...names: readonly string[]): Partial<RowSimulation> => ({
    operations: Object.fromEntries(Object.entries(rowSimulation.operations).filter(([name]) => names.includes(name))),
  });
  // Each with a seed that was seen to show it.
  it.each<[string, Protections, Partial<CacheConfiguration>, Partial<RowSimulation>, number]>([
    ['fills are not bound to a revision', { leases: false }, {}, named('read', 'invalidate'), 122],
    ['an entry outlives the generations of its tags', { generations: false }, {}, {}, 11],
    [
      'near tiers keep what began before an invalidation',
      { names: false },
      {},
      named('read', 'request', 'invalidate'),
      23,
    ],
    ['nobody reads what others invalidated', {}, { coherence: false }, {}, 2],
  ])(
    'F4 (−) do so within these seeds when %s',
    async (_, protections, cache, fewer, seen) => {
      const seeds = [seen, ...Array.from({ length: count }, (__, index) => index + 1)];
      const story = { ...withCache(cache), faults: false as const, ...fewer, protections, seeds, shrinkRuns: 0 };
      await expect(simulate(story)).rejects.toMatchObject({
        code: 'BROKEN_HISTORY',
        violations: expect.arrayContaining([expect.stringContaining('was acknowledged before it asked')]) as unknown,
      });
    },
    limitMs,
  );
});
