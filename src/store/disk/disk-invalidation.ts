import { keyOfChange } from '../feed.js';
import type { Change, Invalidation } from '../feed.js';
import type { Revision, WriteOutcome } from '../store.js';
import { appendToFeed } from './disk-feed.js';
import { irreplaceableKind, itemKind } from './disk-record.js';
import type { GroupKeys, GroupOperation } from './write-batch.js';

export interface DiskInvalidationOptions {
  readonly maxItemBytes: number;
  readonly keptBytes: number;
  readonly session: number;
  readonly drawId: () => string;
}

/** `broken`: the key of what should have been a counter. */
export interface DiskInvalidated {
  readonly outcomes: WriteOutcome[];
  readonly watched: Revision | undefined;
  readonly broken: string | undefined;
}

type Write = Extract<Change, { readonly write: string }>;

/** All of it in one transaction. The bytes of the writes and of the records are the caller's to keep. */
export function invalidationOf(
  { feed, changes, records, watch }: Invalidation,
  options: DiskInvalidationOptions,
): GroupOperation<DiskInvalidated> {
  const { session, maxItemBytes } = options;
  const write = (keys: GroupKeys, { write: key, bytes, options: how }: Write, nowMs: number): WriteOutcome => {
    const { only, lifeMs, irreplaceable = false } = how;
    if (only !== undefined) {
      const present = keys.find(key);
      if (only === 'absent' && present) return { status: 'exists' };
      if (typeof only === 'object' && (only.session !== session || present?.revision !== only.number))
        return { status: 'changed' };
    }
    if (bytes.length > maxItemBytes) {
      keys.remove(key);
      return { status: 'too-large', maxBytes: maxItemBytes };
    }
    const kind = irreplaceable ? irreplaceableKind : itemKind;
    const number = keys.put(key, { bytes, expiresAt: nowMs + lifeMs, kind });
    return { status: 'stored', revision: { session, number } };
  };
  return {
    // One for each change, a record of the feed, and its counter twice.
    numbers: changes.length + 3,
    decideAll(keys, nowMs) {
      const outcomes: WriteOutcome[] = [];
      let broken: string | undefined;
      for (const change of changes) {
        if ('remove' in change) keys.remove(change.remove);
        else if ('write' in change) outcomes.push(write(keys, change, nowMs));
        else if (!advance(keys, change, nowMs)) broken = keyOfChange(change);
      }
      if (records.length > 0) appendToFeed(keys, feed, records, { ...options, nowMs });
      const found = keys.find(watch);
      return { outcomes, watched: found && { session, number: found.revision }, broken };
    },
  };
}

function advance(
  keys: GroupKeys,
  { advance: key, by, seed }: Extract<Change, { readonly advance: string }>,
  nowMs: number,
): boolean {
  const present = keys.find(key);
  const sum = present ? Number(present.copyBytes().toString('latin1') || NaN) + by : seed;
  if (!Number.isSafeInteger(sum)) return false;
  keys.put(key, { bytes: Buffer.from(`${sum}`, 'latin1'), expiresAt: nowMs + Infinity, kind: irreplaceableKind });
  return true;
}
