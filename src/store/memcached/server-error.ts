/** The server's own words for why it can't carry out a command. The connection goes on. */
export class ServerError extends Error {}

/** The server's own words for why it deals with nobody, or not with this command. The connection ends. */
export class RefusalError extends Error {}

/** A server's words, for people. */
export const printable = (words: string): string =>
  words
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
    .slice(0, 100);
