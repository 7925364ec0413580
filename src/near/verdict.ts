import type { Serving } from '../catalogue/entry-policy.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { TagStanding } from '../coherence/tag-generations.js';
import type { MissReason } from '../value/lookup.js';

/** May this copy or item be served now, and as what; or why not. `untrusted`: nobody has vouched for it of late. */
export type Verdict = 'fresh' | 'stale' | MissReason | 'untrusted';

/** What a copy or item says of itself. A near copy is asked as it is; an item by its head. */
export type Candidate = Pick<EnvelopeHead, 'freshUntil' | 'staleUntil' | 'version'> &
  Partial<Pick<EnvelopeHead, 'generation'>>;

/** What is known of it besides. */
export interface Standing {
  /** What entries of the present version carry; undefined where the candidate goes when that changes. */
  readonly generation?: number | undefined;
  /** What the worst of its tags says; undefined where the candidate goes when a tag is invalidated. */
  readonly tags?: TagStanding | undefined;
  /** Until when it is believed. Default: always. */
  readonly trustedUntil?: number;
  /** How it was decoded, for what was decoded already. */
  readonly serving?: Serving;
  /** The codec that stored it, for what is bytes still. */
  readonly codecName?: string;
}

/**
 * The one answer to whether something may be served: every verb asks here, of near copies and of stored items. The path of a hit may only
 * answer what this would have answered.
 *
 * @param asked what the look-up asks for; undefined: for people, who look at everything.
 */
export function verdictOf(candidate: Candidate, standing: Standing, asked: Serving | undefined, now: number): Verdict {
  if (standing.generation !== undefined && candidate.generation !== standing.generation) return 'invalidated';
  if (asked !== undefined) {
    if (standing.codecName !== undefined && standing.codecName !== asked.codec.name) return 'undecodable';
    if (standing.serving !== undefined && !serves(standing.serving, asked)) return 'undecodable';
  }
  if (now >= candidate.staleUntil) return 'expired';
  if (standing.tags === 'invalidated') return 'invalidated';
  // Its freshness was ended by a tag, and it has no stale life.
  if (standing.tags === 'expired' && candidate.staleUntil === candidate.freshUntil) return 'expired';
  if (asked?.version !== undefined && candidate.version !== asked.version) return 'version';
  if (standing.trustedUntil !== undefined && now >= standing.trustedUntil) return 'untrusted';
  return now < candidate.freshUntil && standing.tags !== 'expired' ? 'fresh' : 'stale';
}

export function isServable(verdict: Verdict): verdict is 'fresh' | 'stale' {
  return verdict === 'fresh' || verdict === 'stale';
}

/** Whether what was decoded for one look-up is what another would have decoded. */
function serves(made: Serving, asked: Serving): boolean {
  if (made === asked) return true;
  if (made.isolation !== asked.isolation) return false;
  return made.codec === asked.codec || (made.codec.name === asked.codec.name && readsAlike(made, asked));
}

/** Codecs of one name write the same bytes; one that checks what it reads may refuse what the other has decoded. */
function readsAlike(made: Serving, asked: Serving): boolean {
  return made.codec.checksOnRead !== true && asked.codec.checksOnRead !== true;
}
