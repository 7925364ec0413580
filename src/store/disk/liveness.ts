import { knock } from './lifeline.js';
import { isOfThisBoot, isOfThisNamespace, processRuns, readStamp } from './process-stamp.js';

/** `unknown`: its process id means nothing here, and it has no lifeline. Its marks are respected. */
export type Liveness = 'running' | 'ended' | 'unknown';

/** Judges who stands behind a stamp in the folder: by its lifeline, and where it has none by its process id. */
export async function livenessOf(directory: string, text: string): Promise<Liveness> {
  const stamp = readStamp(text);
  const answer = await knock(directory, stamp.instance);
  if (answer !== 'silent') return answer === 'open' ? 'running' : 'ended';
  if (!isOfThisBoot(stamp.boot)) return 'ended';
  if (!isOfThisNamespace(stamp)) return 'unknown';
  return processRuns(stamp) ? 'running' : 'ended';
}

/**
 * Of an opener that ended: it may have been a thread, and its process goes on writing what the thread asked for. Nobody can tell of a process of another
 * container whether it runs.
 */
export function mayStillWrite(text: string): boolean {
  const stamp = readStamp(text);
  return isOfThisBoot(stamp.boot) && (!isOfThisNamespace(stamp) || processRuns(stamp));
}
