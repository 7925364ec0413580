import { InvalidOptionError } from './errors.js';

/** A tag, and the generation of it that was in force when the entry's load started. */
export interface TagGeneration {
  readonly tag: string;
  readonly generation: number;
}

/** What an entry knows of itself besides its value. Instants are epoch milliseconds; `Infinity` is "until invalidated". */
export interface Provenance {
  /** When the load started, or the value was set. Life counts from here. */
  readonly createdAt: number;
  /** Served without a second thought until then. An instant belongs to what follows it: at `freshUntil` the entry is stale. */
  readonly freshUntil: number;
  /** Served while it is refreshed until then; never before `freshUntil`. */
  readonly staleUntil: number;
  /** What the load took, in whole milliseconds; 0 for a value that was set. */
  readonly loadCostMs: number;
  /** The upstream version that the value was made from, if the caller gave one. */
  readonly version?: string | undefined;
  readonly tags: readonly TagGeneration[];
}

/** @throws InvalidOptionError */
export function assertTag(tag: unknown): void {
  if (typeof tag === 'string' && tag.length > 0 && tag.length <= 200 && tag.isWellFormed()) return;
  if (Array.isArray(tag)) {
    const remedy = 'Give its texts one by one, as in invalidateTags(...tags).';
    throw new InvalidOptionError('tags', 'a tag is a list', remedy);
  }
  throw new InvalidOptionError('tags', 'a tag is not a text of 1 to 200 characters', 'Shorten or hash it.');
}
