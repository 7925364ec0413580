import { reportFault } from '../value/events.js';
import type { EntryPolicy } from './entry-policy.js';

/** What `staleIfError` says of a loader's error. `undefined`: it threw, which is reported, and the loader's error goes to the caller. */
export function allowsStale(
  { staleIfError }: Pick<EntryPolicy, 'staleIfError'>,
  error: unknown,
  source: string,
  key: string,
): boolean | undefined {
  try {
    return staleIfError(error);
  } catch (cause) {
    const message = 'staleIfError threw: the error of the loader is passed on.';
    reportFault({ source, kind: 'degraded', message, key, cause });
    return undefined;
  }
}
