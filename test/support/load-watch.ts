import { expect } from '@jest/globals';
import { eventually } from './eventually.js';
import type { LoadReport } from './measured-load.js';
import type { WorkerProcess } from './worker-process.js';

const endurance = process.env['ENDURANCE'] === '1';
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Looks at a process under load. */
export class LoadWatch {
  /** What must never happen, gathered: a check that is repeated until it holds must not forget it. */
  readonly violations: unknown[] = [];

  /** @param settledWithinMs how long a command may take; what the machine stalls is added. */
  constructor(
    private readonly worker: WorkerProcess,
    private readonly settledWithinMs: number,
  ) {}

  async look(): Promise<LoadReport> {
    const seen = await this.worker.call<LoadReport>('report');
    this.violations.push(...seen.uncaught, ...seen.otherErrors, ...seen.wrongValues);
    const limitMs = this.settledWithinMs + 2 * seen.longestStallMs;
    if (endurance && seen.slowestMs > limitMs)
      this.violations.push(`settled after ${seen.slowestMs} ms of at most ${limitMs}`);
    return seen;
  }

  /** Resolves once nothing fails any more. */
  recovered(): Promise<void> {
    return eventually(async () => {
      await this.look();
      await pause(200);
      const { succeeded, unavailable } = await this.look();
      expect(unavailable).toBe(0);
      expect(succeeded).toBeGreaterThan(5);
    });
  }

  /** Does harm, waits until it is known what it costs, takes it back where it lasts, and waits until nothing fails any more. */
  async costs(harm: () => unknown, mend: (() => unknown) | undefined): Promise<void> {
    await harm();
    try {
      // A fault that lasts is noticed; one that is over in a moment may fall between two commands.
      if (mend)
        await eventually(async () => expect((await this.look()).unavailable).toBeGreaterThan(0), { everyMs: 100 });
      // Longer than a deadline: what such a fault costs is known then.
      await pause(300);
      await this.look();
    } finally {
      await mend?.();
    }
    await this.recovered();
  }
}
