import { LeaseLostError } from '../value/errors.js';

/** What decorators have thrown whose method had run. */
const thrownAfter = new WeakSet<Error>();

/** Tells a decorator above that the method has run, although it rejects with this error. */
export function afterRun(error: unknown): unknown {
  if (error instanceof Error) thrownAfter.add(error);
  return error;
}

/** Whether the method has run, or has lost its lock while it ran: what it was to change may have changed. */
export const mayHaveRun = (error: unknown): boolean =>
  error instanceof LeaseLostError || (error instanceof Error && thrownAfter.has(error));
