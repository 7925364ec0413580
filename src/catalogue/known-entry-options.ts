import { KnownOptions } from '../value/known-options.js';
import type { OptionTable } from '../value/known-options.js';
import type { EntryOptions, NegativeOptions, TimeoutOptions } from './entry-options.js';

const timeout = KnownOptions.of<TimeoutOptions>('timeout', { soft: true, hard: true });
const negative = KnownOptions.of<NegativeOptions<unknown>>('negative', { ttl: true, staleFor: true, when: true });

/** The names of all entry options, for whatever takes them beside its own. */
export const entryOptionTable: OptionTable<EntryOptions> = {
  ttl: true,
  staleFor: true,
  jitter: true,
  earlyRefresh: true,
  refreshAfter: true,
  inheritTags: true,
  nearTtl: true,
  failureHold: true,
  timeout,
  maxLoad: true,
  negative,
  cacheIf: true,
  tags: true,
  version: true,
  signal: true,
  tiers: true,
  isolation: true,
  codec: true,
  staleIfError: true,
};

/** What a call that writes may say. */
export const knownWriteOptions = KnownOptions.of<EntryOptions & { readonly confirm?: boolean }>('An entry', {
  ...entryOptionTable,
  confirm: true,
});

/** What a call that loads may say. */
export const knownEntryOptions = KnownOptions.of<EntryOptions>('An entry', entryOptionTable);
