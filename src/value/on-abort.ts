const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` once when the signal aborts. However many listen, the signal has one listener of ours: one that stands for a whole
 * request is passed to many calls, and Node warns of a leak at eleven.
 *
 * @returns how to stop listening. The signal must not be aborted yet.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let ofSignal = listeners.get(signal);
  if (!ofSignal) {
    const all = new Set<() => void>();
    listeners.set(signal, (ofSignal = all));
    signal.addEventListener(
      'abort',
      () => {
        listeners.delete(signal);
        for (const one of all) one();
      },
      { once: true },
    );
  }
  const own = (): void => listener();
  ofSignal.add(own);
  return () => void ofSignal.delete(own);
}
