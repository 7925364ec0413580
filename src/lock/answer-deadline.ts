import { blockedMs } from '../value/answer-timer.js';
import type { Clock, Timer } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { setImmediate } from '../value/turn.js';

/**
 * How long a store may take for one answer of a lock, behind which several of its operations stand. A store that keeps deadlines of its own is waited for
 * no longer either. What a blocked loop did not read is not the store's failure: the deadline begins once more then, and only once.
 */
export class AnswerDeadline {
  private at: number;
  private wasPutOff = false;

  constructor(
    readonly clock: Clock,
    private readonly deadlineMs: number,
  ) {
    this.at = clock.monotonic() + deadlineMs;
  }

  /** 0 or less: time is up. */
  get leftMs(): number {
    return this.at - this.clock.monotonic();
  }

  /**
   * What the operation resolves to, if that is in time.
   * @param shard is named by the error.
   * @throws StoreUnavailableError when time is up. The operation may still arrive.
   */
  keep<R>(operation: Promise<R>, shard: string): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      let timer: Timer;
      const arm = (): void => {
        timer = this.clock.after(Math.max(0, this.leftMs), () => {
          if (!this.wasPutOff && this.leftMs < -blockedMs) this.putOff();
          if (this.leftMs > 0) return arm();
          // Timers come before what has arrived is read.
          setImmediate(() => reject(new StoreUnavailableError(shard, 'no answer in time for a lock')));
        });
      };
      arm();
      void operation.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private putOff(): void {
    this.wasPutOff = true;
    this.at = this.clock.monotonic() + this.deadlineMs;
  }
}
