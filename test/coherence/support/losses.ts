import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Fleet, FleetStore } from '../../support/fleet/start-fleet.js';
import { seededRandom } from '../../support/seeded-random.js';
import { expectCoherent, runChurn, usualRounds } from './run-churn.js';
import type { ChurnOutcome, ChurnScene } from './run-churn.js';

/** Ways in which a server loses what it was told. Each says whether it could. */
export type Losses = Readonly<Record<string, () => Promise<boolean>>>;

export function memcachedLosses({ server }: Fleet): Losses {
  const lose = async (key: string): Promise<boolean> => (await server?.command(`delete ${key}`)) === 'DELETED';
  return {
    flushed: async () => (await server?.command('flush_all')) === 'OK',
    counterLost: () => lose('main~feed'),
    restarted: async () => {
      await server?.restart();
      return true;
    },
    segmentLost: async () => {
      const number = /^VA[^\n]*\n(\d+)/.exec((await server?.command('mg main~feed v')) ?? '')?.[1];
      return lose(`main~feed:${number}`);
    },
    versionsLost: () => lose('main~versions'),
  };
}

/** One loss after the other, from the first on again, while three processes read and invalidate. */
export async function runThrough(
  store: FleetStore,
  lossesOf: (fleet: Fleet) => Losses,
  scene: ChurnScene = {},
): Promise<ChurnOutcome & { readonly done: Readonly<Record<string, number>>; readonly known: readonly string[] }> {
  const done: Record<string, number> = {};
  const random = seededRandom(2);
  let known: readonly string[] = [];
  const outcome = await runChurn(store, {
    rounds: process.env['ENDURANCE'] === '1' ? usualRounds : 35,
    ...scene,
    async trouble(fleet, ended) {
      const losses = lossesOf(fleet);
      known = Object.keys(losses);
      for (let turn = 0; !ended.aborted; turn++) {
        await pause(150 + random() * 200);
        const name = known[turn % known.length] as string;
        if (await losses[name]?.()) done[name] = (done[name] ?? 0) + 1;
      }
    },
  });
  console.log(`F9 in the middle of it: ${JSON.stringify(done)}`);
  return { ...outcome, done, known };
}

export async function expectLosslessThrough(
  store: FleetStore,
  lossesOf: (fleet: Fleet) => Losses,
  scene?: ChurnScene,
): Promise<void> {
  const outcome = await runThrough(store, lossesOf, scene);
  expect(Object.keys(outcome.done).sort()).toEqual([...outcome.known].sort());
  expectCoherent(outcome);
}
