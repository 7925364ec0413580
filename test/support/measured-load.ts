import { monitorEventLoopDelay } from 'node:perf_hooks';
import { StoreUnavailableError } from '../../src/value/errors.js';

/** What the operations of one stretch of load came to. */
export interface LoadReport {
  readonly settled: number;
  readonly succeeded: number;
  readonly unavailable: number;
  /** Errors that the store may not reject with. */
  readonly otherErrors: readonly string[];
  /** Values that were read under a key that they were not written for. */
  readonly wrongValues: readonly string[];
  /** Errors that nobody caught. */
  readonly uncaught: readonly string[];
  readonly slowestMs: number;
  /** The longest the process was kept from its loop. */
  readonly longestStallMs: number;
  readonly underWay: number;
}

const uncaught: string[] = [];
process.on('uncaughtException', (error) => void uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => void uncaught.push(String(error)));

/** Says which value was read under which key. */
type Complain = (wrongValue: string) => void;

/**
 * Does an operation so many times a second, and counts what comes of it. In bursts of a twentieth of a second, so that many commands wait on the
 * connection at a time.
 */
export class MeasuredLoad {
  private readonly stalls = monitorEventLoopDelay({ resolution: 5 });
  private counted = empty();
  private underWay = 0;
  private bursts: NodeJS.Timeout | undefined;

  constructor(
    private readonly perSecond: number,
    private readonly operation: (complain: Complain) => Promise<void>,
  ) {
    this.stalls.enable();
  }

  start(): void {
    let dueAt = performance.now();
    this.bursts = setInterval(() => {
      for (; dueAt < performance.now(); dueAt += 1_000 / this.perSecond) void this.operate();
    }, 50);
  }

  /** What happened since the last report. */
  report(): LoadReport {
    const { counted, underWay, stalls } = this;
    const result = { ...counted, uncaught: uncaught.splice(0), longestStallMs: stalls.max / 1e6, underWay };
    this.counted = empty();
    stalls.reset();
    return result;
  }

  /** Begins nothing more. */
  stop(): void {
    clearInterval(this.bursts);
  }

  /** Stops, and waits until the last operation is settled. */
  async drain(): Promise<void> {
    this.stop();
    while (this.underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  private async operate(): Promise<void> {
    const startedAt = performance.now();
    this.underWay++;
    try {
      await this.operation((wrongValue) => void this.counted.wrongValues.push(wrongValue));
      this.counted.succeeded++;
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.counted.unavailable++;
      else this.counted.otherErrors.push(String(error));
    } finally {
      this.underWay--;
      this.counted.settled++;
      this.counted.slowestMs = Math.max(this.counted.slowestMs, performance.now() - startedAt);
    }
  }
}

function empty() {
  return {
    settled: 0,
    succeeded: 0,
    unavailable: 0,
    otherErrors: [] as string[],
    wrongValues: [] as string[],
    slowestMs: 0,
  };
}
