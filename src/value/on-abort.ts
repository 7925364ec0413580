interface Listeners {
  readonly all: Set<() => void>;
  readonly tellAll: () => void;
}

const listeners = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `listener` once when the signal aborts. However many listen, the signal has one listener of ours: one that stands for a whole
 * request is passed to many calls, and Node warns of a leak at eleven. It has none once all have stopped: Node keeps a combined signal that has one for as long
 * as its sources live.
 *
 * @returns how to stop listening. The signal must not be aborted yet.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const { all, tellAll } = listeners.get(signal) ?? listenTo(signal);
  const own = (): void => listener();
  all.add(own);
  return () => {
    if (!all.delete(own) || all.size > 0) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', tellAll);
  };
}

function listenTo(signal: AbortSignal): Listeners {
  const all = new Set<() => void>();
  const tellAll = (): void => {
    listeners.delete(signal);
    for (const one of all) one();
  };
  const ofSignal = { all, tellAll };
  listeners.set(signal, ofSignal);
  signal.addEventListener('abort', tellAll, { once: true });
  return ofSignal;
}
