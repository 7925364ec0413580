import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../value/clock.js';
import { HostClock } from './host-clock.js';

const running = new AsyncLocalStorage<SimulatedHost>();

/** The process whose code runs now. Undefined: it is the simulation's. */
export const runningHost = (): SimulatedHost | undefined => running.getStore();

/** One process of a simulated world: it runs, stands still and goes on, or crashes. What it does reaches nobody after it has crashed. */
export class SimulatedHost {
  readonly clock: HostClock;
  isCrashed = false;
  private isPaused = false;
  private readonly waiting: (() => void)[] = [];

  constructor(
    readonly name: string,
    time: Clock,
  ) {
    this.clock = new HostClock(time, (run) => this.wake(run));
  }

  /** It takes no answer and runs no timer now: its loop is blocked, or its machine is suspended. */
  get isStill(): boolean {
    return this.isPaused;
  }

  standStill(): void {
    this.isPaused = true;
  }

  /** What fell due meanwhile runs now, in its order. */
  goOn(): void {
    this.isPaused = false;
    for (const run of this.waiting.splice(0)) this.wake(run);
  }

  /**
   * Runs code of this process, and what follows from it: {@link runningHost} is this one meanwhile.
   *
   * @internal
   */
  run<R>(code: () => R): R {
    return running.run(this, code);
  }

  crash(): void {
    this.isCrashed = true;
    this.waiting.length = 0;
  }

  private wake(run: () => void): void {
    if (this.isCrashed) return;
    if (this.isPaused) this.waiting.push(run);
    else this.run(run);
  }
}
