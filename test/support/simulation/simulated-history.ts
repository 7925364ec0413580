/** A moment: the time, and what came before what at the same time. */
export interface Moment {
  readonly at: number;
  readonly order: number;
}

interface Acknowledged extends Moment {
  readonly key: string;
  readonly version: number;
  readonly process: string;
}

/** What was acknowledged, and so what a read may not be older than. It knows nothing of caches. */
export class SimulatedHistory {
  private readonly acknowledged: Acknowledged[] = [];

  /** @param boundMs how long another process may believe what it has. */
  constructor(private readonly boundMs: number) {}

  acknowledge(key: string, version: number, process: string, moment: Moment): void {
    this.acknowledged.push({ key, version, process, ...moment });
  }

  /** The oldest version that a read of this process may return which began then; a `process` of undefined believes nothing. */
  oldestAllowed(key: string, process: string | undefined, began: Moment): number {
    let oldest = 0;
    for (const one of this.acknowledged) {
      if (one.key !== key || one.order >= began.order || one.version <= oldest) continue;
      if (process === undefined || one.process === process || one.at + this.boundMs < began.at) oldest = one.version;
    }
    return oldest;
  }
}
