const { get: abortedOf } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted') as {
  get: (this: AbortSignal) => boolean;
};

/**
 * The controller's signal, made to look at the clock whenever it is asked: timers come late to a process that was stopped or blocked, and a
 * holder that asks `signal.aborted` between waking up and the late timer must not be told that all is well. Listeners are called by the
 * timer, or by the first who asks.
 *
 * @param notice aborts the controller if the right has ended.
 */
export function leaseSignal({ signal }: AbortController, notice: () => void): AbortSignal {
  return Object.defineProperties(signal, {
    aborted: {
      get: () => {
        notice();
        return abortedOf.call(signal);
      },
    },
    throwIfAborted: {
      value: () => {
        notice();
        AbortSignal.prototype.throwIfAborted.call(signal);
      },
    },
  });
}
