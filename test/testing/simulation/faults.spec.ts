import { describe, expect, it } from '@jest/globals';
import { neverGoesBack, simulate } from '../../../src/testing/simulation.js';
import type { Check, FaultName, SimulatedProcess, Simulation } from '../../../src/testing/simulation.js';

/** Whether a process found what it had stored for ever. */
const foundAgain: Check = {
  name: 'what was stored is found again',
  violations: ({ lines }) => (lines.some(({ text }) => text.includes('is gone')) ? ['what was stored is gone'] : []),
};

interface Shared {
  /** Who holds the one thing that only one may hold. */
  holder: SimulatedProcess | undefined;
  version: number;
}

type Fragile = Simulation<Shared, SimulatedProcess>;
const fragile = (rest: Pick<Fragile, 'operations' | 'holds'>): Fragile => ({
  shared: () => ({ holder: undefined, version: 1 }),
  start: (process) => process,
  seeds: 80,
  turns: 150,
  ...rest,
});

const keeps = fragile({
  operations: {
    store: { does: ({ process: { cache } }) => cache.setIfAbsent('k', 1, { ttl: '30d' }) },
    find: {
      does: async ({ process: { cache, name }, history, shared }) => {
        if ((await cache.get('k')) === undefined && shared.version > 1) history.line('fact', name, 'is gone');
        else if ((await cache.get('k')) !== undefined) shared.version = 2;
      },
    },
  },
  holds: [foundAgain],
});

/** Takes a lock that nobody gives back for it. */
const holds = fragile({
  operations: {
    work: {
      does: async ({ process, shared }) => {
        while (shared.holder) await process.clock.sleep(50);
        shared.holder = process;
        await process.step('works');
        shared.holder = undefined;
      },
    },
  },
  holds: [neverGoesBack()],
});

/** Counts by a command that may arrive twice. */
const counts = fragile({
  operations: {
    count: {
      does: async ({ process: { store, name }, shared, history }) => {
        shared.version++;
        const counted = await store.shardOf('n').increment('n', 1, 2);
        if (counted > shared.version) history.line('fact', name, 'is gone');
      },
    },
  },
  holds: [foundAgain],
});

/** Takes the time of day for a version. */
const dates = fragile({
  operations: { date: { reads: async ({ process: { clock } }) => ({ now: clock.now() }) } },
  holds: [neverGoesBack({ withFaults: true })],
});

/** Takes a loop that runs for granted. */
const waits = fragile({
  operations: {
    wait: {
      does: async ({ process: { clock, name }, history }) => {
        const dueAt = clock.monotonic() + 10;
        await clock.sleep(10);
        if (clock.monotonic() > dueAt) history.line('fact', name, 'is gone');
      },
    },
  },
  holds: [foundAgain],
});

const broken: readonly (readonly [FaultName, Fragile])[] = [
  ['evict', keeps],
  ['emptyStore', keeps],
  ['crash', holds],
  ['duplicate', counts],
  ['stepClock', dates],
  ['standStill', waits],
];

describe('a service that does not reckon with', () => {
  it.each(broken)('%s is found out where it happens, and nowhere else', async (fault, simulation) => {
    const story = { ...simulation, faults: { [fault]: 1 }, shrinkRuns: 0 };
    await expect(simulate(story)).rejects.toMatchObject({ code: 'BROKEN_HISTORY' });
    await simulate({ ...simulation, faults: false, seeds: 20 });
  });

  it.each(['lose', 'restartStore', 'cut', 'cutOneWay', 'away'] as const)(
    '%s is told that its command was not answered',
    async (fault) => {
      const asks = fragile({
        operations: {
          ask: { does: ({ process: { store } }) => store.shardOf('n').touch('n', 1_000) },
        },
        holds: [neverGoesBack()],
      });
      const told = new Set<string>();
      const noted: Check = {
        name: 'noted',
        violations: ({ calls }) =>
          void calls.forEach(({ error }) => told.add(error instanceof Error ? String(error) : 'none')),
      };
      const { faults } = await simulate({ ...asks, holds: [noted], faults: { [fault]: 1 }, seeds: 30 });
      expect(faults).toBeGreaterThan(10);
      expect([...told].sort()).toEqual([
        'StoreUnavailableError: memory: no answer within 250 ms. Check that it runs and can be reached from this host.',
        'none',
      ]);
    },
  );
});
