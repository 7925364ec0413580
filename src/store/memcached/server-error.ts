/** The server's own words for why it can't carry out a command. The connection goes on. */
export class ServerError extends Error {}

/** It finds no room for what it was to store. It is well, and answers reads. */
export const hasNoRoom = (error: unknown): boolean =>
  error instanceof ServerError && /^out of memory( storing| allocating| incrementing|$)/i.test(error.message);

/** The server's own words for why it deals with nobody, or not with this command. The connection ends. */
export class RefusalError extends Error {}

/** A server's words, for people. */
export const printable = (words: string): string =>
  words
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
    .slice(0, 100);
