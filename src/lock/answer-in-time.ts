import type { Clock } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';

/**
 * What the operation resolves to, if that is before `deadlineAt` on the monotonic clock. A store that keeps deadlines of its own is
 * waited for no longer either: several of its operations stand behind one answer of a lock.
 *
 * @throws StoreUnavailableError when time is up. The operation may still arrive.
 */
export async function answerInTime<R>(
  operation: Promise<R>,
  deadlineAt: number,
  clock: Clock,
  shard: string,
): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    const timer = clock.after(Math.max(0, deadlineAt - clock.monotonic()), () =>
      reject(new StoreUnavailableError(shard, 'no answer in time for a lock')),
    );
    void operation.then(resolve, reject).finally(() => timer.cancel());
  });
}
