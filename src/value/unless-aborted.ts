import { onAbort } from './on-abort.js';

/** Settles as the work does, or with the signal's reason when that comes first. The work goes on for others. Leaves no listener behind. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) leave();
    const stopListening = signal.aborted ? undefined : onAbort(signal, leave);
    work.finally(stopListening).then(resolve, reject);
  });
}
