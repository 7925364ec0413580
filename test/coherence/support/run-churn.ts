import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { judgeChurn } from '../../support/fleet/churn-judge.js';
import type { ChurnVerdict } from '../../support/fleet/churn-judge.js';
import type { ChurnReport } from '../../support/fleet/churn.js';
import type { MemberCache } from '../../support/fleet/fleet-member.js';
import { startFleet } from '../../support/fleet/start-fleet.js';
import type { Fleet, FleetOptions, FleetStore } from '../../support/fleet/start-fleet.js';

const members = 3;
const rows = 24;
const interval = 300;
const blindFor = 1_000;
/** The interval, a round trip (the store's deadline), and the 25 ms that a hit's clock may be behind. */
const boundMs = interval + 250 + 25;

const endurance = process.env['ENDURANCE'] === '1';
/** Updates of each row: 24 rows make 1,000 and more of 42. */
export const usualRounds = endurance ? 42 : 10;
export const churnLimitMs = endurance ? 300_000 : 90_000;

export interface ChurnOutcome {
  readonly verdict: ChurnVerdict;
  readonly reports: ChurnReport[];
  readonly acknowledged: number;
}

export interface ChurnScene extends Pick<FleetOptions, 'commandTimeout' | 'checksIncarnation'> {
  /** False: nobody reads what the others invalidated. */
  readonly isCoherent?: boolean;
  readonly rounds?: number;
  /** Between two updates of a row. */
  readonly longestPauseMs?: number;
  /** Goes on until the processes have ended. */
  readonly trouble?: (fleet: Fleet, ended: AbortSignal) => Promise<void>;
}

/** Three processes that read, update and invalidate, and what their journal says of it. */
export async function runChurn(
  store: FleetStore,
  {
    isCoherent = true,
    rounds = usualRounds,
    longestPauseMs,
    trouble,
    commandTimeout = 250,
    ...options
  }: ChurnScene = {},
): Promise<ChurnOutcome> {
  const files = Object.fromEntries(Array.from({ length: rows }, (_, row) => [`row${row}`, '1']));
  const main: MemberCache = { configuration: { coherence: isCoherent && { interval, blindFor } } };
  const fleet = await startFleet(store, {
    ...options,
    members,
    files,
    proxied: true,
    commandTimeout,
    caches: { main },
  });
  try {
    const ended = new AbortController();
    const troubled = trouble?.(fleet, ended.signal);
    const told = { members, rows, rounds, readers: 4, seed: 7, ...(longestPauseMs && { longestPauseMs }) };
    const reports = await Promise.all(
      fleet.members.map((one, member) => one.call('churn', 'main', { ...told, member })),
    ).finally(() => ended.abort());
    await troubled;
    const verdict = judgeChurn(readFileSync(join(fleet.folder, 'churn'), 'utf8'), { boundMs, blindForMs: blindFor });
    const acknowledged = reports.reduce((sum, one) => sum + one.acknowledged, 0);
    console.log(
      `F9 ${store}: ${verdict.reads} reads, ${acknowledged} of ${rows * rounds} writes acknowledged, ` +
        `oldest answer ${verdict.oldestMs} ms, ${verdict.tooOld.length} too old, ${verdict.wentBack.length} went back`,
    );
    return { verdict, reports, acknowledged };
  } finally {
    await fleet.stop();
  }
}

export function expectCoherent({ verdict, reports }: ChurnOutcome): void {
  expect(reports.flatMap(({ errors }) => errors)).toEqual([]);
  expect(verdict.reads).toBeGreaterThan(20);
  expect(verdict.tooOld).toEqual([]);
  expect(verdict.wentBack).toEqual([]);
}
