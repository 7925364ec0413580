import { pageBytes } from './empty-data-file.js';

/** What one transaction may change. */
export interface TransactionBounds {
  /** Keys; each is a page at least that is written anew. */
  readonly changes: number;
  /** Of records. */
  readonly bytes: number;
}

/** Of the limit: LMDB writes each page that a transaction touches into a free one, and the old ones are free only later. A larger share outgrows the file. */
const share = 8;
const mostChanges = 4_000;
const mostBytes = 16 * 2 ** 20;

export function transactionBounds(maxBytes: number): TransactionBounds {
  const bytes = Math.min(mostBytes, Math.floor(maxBytes / share));
  return { changes: Math.min(mostChanges, Math.floor(bytes / pageBytes)), bytes };
}
