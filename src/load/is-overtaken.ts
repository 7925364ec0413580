import type { Key } from '../key/key.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { Landed } from './flight.js';

/**
 * Whether what a load brought home, a value or none, was invalidated since. What had withdrawn its key itself is overtaken by invalidations alone.
 * @param position among invalidated names, since when it must be true.
 */
export function isOvertaken(
  near: NearTiers,
  key: Key,
  position: number,
  { copy, withdrawnAt }: Pick<Landed, 'copy' | 'withdrawnAt'>,
): boolean {
  const tags = copy?.tags ?? [];
  return withdrawnAt === undefined
    ? near.namedSince(key, tags, position)
    : near.invalidatedSince(key, tags, withdrawnAt);
}
