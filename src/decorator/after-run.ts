import { LeaseLostError } from '../value/errors.js';

/** What a method has returned. */
export interface Returned {
  readonly value: unknown;
}

/** What decorators have thrown whose method had run, with what it returned; `undefined`: that is not known. */
const thrownAfter = new WeakMap<Error, Returned | undefined>();

/** Tells a decorator above that the method has run, although it rejects with this error. */
export function afterRun(error: unknown, returned?: Returned): unknown {
  if (error instanceof Error) thrownAfter.set(error, returned);
  return error;
}

/** What the method has returned that rejects with this error. */
export const returnedBefore = (error: unknown): Returned | undefined =>
  error instanceof Error ? thrownAfter.get(error) : undefined;

/** Whether the method has run, or has lost its lock while it ran: what it was to change may have changed. */
export const mayHaveRun = (error: unknown): boolean =>
  error instanceof LeaseLostError || (error instanceof Error && thrownAfter.has(error));
