import { keyOfChange } from '../feed.js';
import type { Change, Invalidation } from '../feed.js';
import type { Revision, WriteOutcome } from '../store.js';
import type { TransactionBounds } from './transaction-bounds.js';
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

/** For a record of the feed, and its counter twice. */
const ownNumbers = 3;

type Write = Extract<Change, { readonly write: string }>;

/**
 * In one transaction, or where that would be more than `bounds` in several: the writes are made once, the rest before the records are appended and once
 * more after it.
 */
export async function invalidateWithin(
  bounds: TransactionBounds,
  given: Invalidation,
  options: DiskInvalidationOptions,
  run: (operation: GroupOperation<DiskInvalidated>) => Promise<DiskInvalidated>,
): Promise<DiskInvalidated & { readonly inParts: boolean }> {
  const carryOut = (changes: readonly Change[], records: readonly Uint8Array[]): Promise<DiskInvalidated> =>
    run(invalidationOf({ ...given, changes, records }, options));
  const atMost = { ...bounds, changes: bounds.changes - ownNumbers };
  const changes = inParts(given.changes, bytesOfChange, atMost);
  const records = inParts(given.records, ({ length }) => length, atMost);
  if (changes.length < 2 && records.length < 2) {
    return { ...(await carryOut(given.changes, given.records)), inParts: false };
  }
  const outcomes: WriteOutcome[] = [];
  let last: DiskInvalidated | undefined;
  let broken: string | undefined;
  const step = async (some: readonly Change[], told: readonly Uint8Array[]): Promise<void> => {
    last = await carryOut(some, told);
    outcomes.push(...last.outcomes);
    broken ??= last.broken;
  };
  for (const some of changes) await step(some, []);
  for (const told of records) await step([], told);
  const again = given.changes.filter((change) => !('write' in change));
  if (records.length > 0) for (const some of inParts(again, bytesOfChange, atMost)) await step(some, []);
  return { outcomes, watched: last?.watched, broken, inParts: true };
}

const bytesOfChange = (change: Change): number => ('write' in change ? change.bytes.length : 0);

function inParts<T>(all: readonly T[], bytesOf: (one: T) => number, bounds: TransactionBounds): T[][] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const one of all) {
    bytes += bytesOf(one);
    let part = parts.at(-1);
    if (!part || part.length === bounds.changes || bytes > bounds.bytes) {
      parts.push((part = []));
      bytes = bytesOf(one);
    }
    part.push(one);
  }
  return parts;
}

/** All of it in one transaction. The bytes of the writes and of the records are the caller's to keep. */
function invalidationOf(
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
    numbers: changes.length + ownNumbers,
    bytes: changes.reduce((sum, change) => sum + bytesOfChange(change), 0),
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
