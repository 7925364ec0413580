import { ObjectStoreUnavailableError } from '../object/object-errors.js';
import type { Clock } from '../value/clock.js';
import { onAbort } from '../value/on-abort.js';

/** How long whoever backs documents up waits for an object store: one that hangs must not hold those that wait behind. */
export class ObjectDeadline {
  constructor(
    private readonly clock: Clock,
    /** The store's name, for errors. */
    private readonly store: string,
    private readonly limitMs: number,
  ) {}

  /**
   * @param what is named in the error.
   * @param act is told by its signal that time is up. It is not waited for after that, since it may not listen.
   * @param given ends it earlier, for whoever waits no longer.
   * @throws ObjectStoreUnavailableError when time is up.
   */
  async of<T>(what: string, act: (signal: AbortSignal) => Promise<T>, given?: AbortSignal): Promise<T> {
    given?.throwIfAborted();
    const tooLong = new AbortController();
    const stopListening = given && onAbort(given, () => tooLong.abort(given.reason));
    const timeIsUp = new Promise<never>((_, reject) => {
      tooLong.signal.addEventListener('abort', () => reject(tooLong.signal.reason as Error), { once: true });
    });
    const timer = this.clock.after(this.limitMs, () => {
      tooLong.abort(new ObjectStoreUnavailableError(this.store, `it took longer than ${this.limitMs} ms for ${what}`));
    });
    try {
      return await Promise.race([act(tooLong.signal), timeIsUp]);
    } finally {
      timer.cancel();
      stopListening?.();
    }
  }
}
