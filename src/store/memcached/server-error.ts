import { StoreUnavailableError } from '../../value/errors.js';

/** The server's own words for why it can't carry out a command. The connection goes on. */
export class ServerError extends Error {}

/** It finds no room for what it was to store, or for the rest of it once that is more than half a megabyte. It is well, and answers reads. */
export const hasNoRoom = (error: unknown): boolean =>
  error instanceof ServerError &&
  /^out of memory( storing| allocating| incrementing| during read|$)/i.test(error.message);

/** The server's own words for why it deals with nobody, or not with this command. The connection ends. */
export class RefusalError extends Error {}

/** As a failure of the store. A server that refuses in its own words runs, and is reached: nobody is asked to check that. */
export function memcachedUnavailable(
  name: string,
  problem: string,
  { cause, isRefusal = false }: { readonly cause?: unknown; readonly isRefusal?: boolean } = {},
): StoreUnavailableError {
  const isSaid = cause instanceof ServerError || cause instanceof RefusalError;
  return new StoreUnavailableError(name, problem, {
    ...(cause !== undefined && { cause }),
    ...(isSaid && { remedy: 'The server itself says so.' }),
    isRefusal,
  });
}

/** A server's words, for people. */
export const printable = (words: string): string =>
  words
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
    .slice(0, 100);
