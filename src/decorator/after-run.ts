import { LeaseLostError } from '../value/errors.js';

/** What a method has returned, before a decorator of it threw. */
export interface Returned {
  readonly value: unknown;
  /** The method as that decorator has left it: the error may go through other methods. */
  readonly by: unknown;
}

/** What decorators have thrown whose method had run, with what it returned; `undefined`: that is not known. */
const thrownAfter = new WeakMap<Error, Returned | undefined>();

/** Tells a decorator above that the method has run, although it rejects with this error. */
export function afterRun(error: unknown, returned?: Returned): unknown {
  if (error instanceof Error) thrownAfter.set(error, returned);
  return error;
}

/** What this method has returned that rejects with this error. */
export function returnedBy(method: unknown, error: unknown): Returned | undefined {
  const returned = error instanceof Error ? thrownAfter.get(error) : undefined;
  return returned?.by === method ? returned : undefined;
}

/** Whether the method has run, or has lost its lock while it ran: what it was to change may have changed. */
export const mayHaveRun = (error: unknown): boolean =>
  error instanceof LeaseLostError || (error instanceof Error && thrownAfter.has(error));
