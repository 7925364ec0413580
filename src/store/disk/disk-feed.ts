import type { FeedGap, FeedReading, Mark } from '../feed.js';
import { irreplaceableKind } from './disk-record.js';
import type { GroupKeys, Present } from './write-batch.js';

/**
 * The feed in the database: a counter that says how far it goes, and a record for each invalidation, which lives for an hour.
 *
 * The counter's bytes: its id, the number of the newest record, the number of the oldest, and how many bytes were ever appended.
 * A record's bytes: where it begins among those bytes (a double), and per record of the invalidation its length (two bytes) and itself.
 */
export interface DiskFeedCounter {
  readonly id: string;
  readonly newest: number;
  readonly oldest: number;
  readonly position: number;
}

const recordLifeMs = 3_600_000;
const format = /^([\w-]{1,40}) (\d{1,16}) (\d{1,16}) (\d{1,16})$/;
/** Of old records that one append removes: more than it adds. */
const trimmedAtOnce = 2;

export const counterKey = (feed: string): string => `${feed}~feed`;
export const recordKey = (feed: string, number: number): string => `${feed}~feed:${number}`;

export function decodeCounter(bytes: Buffer | undefined): DiskFeedCounter | undefined {
  const [, id, newest, oldest, position] = (bytes && format.exec(bytes.toString('latin1'))) ?? [];
  if (id === undefined) return undefined;
  return { id, newest: Number(newest), oldest: Number(oldest), position: Number(position) };
}

const encodeCounter = ({ id, newest, oldest, position }: DiskFeedCounter): Buffer =>
  Buffer.from(`${id} ${newest} ${oldest} ${position}`, 'latin1');

/** Begins the feed if there is none. */
export function beginFeed(keys: GroupKeys, feed: string, drawId: () => string): DiskFeedCounter {
  const found = decodeCounter(keys.find(counterKey(feed))?.copyBytes());
  if (found) return found;
  const counter = { id: drawId(), newest: 0, oldest: 1, position: 0 };
  keys.put(counterKey(feed), { bytes: encodeCounter(counter), expiresAt: Infinity, kind: irreplaceableKind });
  return counter;
}

/** Appends, and removes the oldest beyond the bound. */
export function appendToFeed(
  keys: GroupKeys,
  feed: string,
  records: readonly Uint8Array[],
  { nowMs, keptBytes, drawId }: { nowMs: number; keptBytes: number; drawId: () => string },
): void {
  const counter = beginFeed(keys, feed, drawId);
  const bytes = encodeRecord(counter.position, records);
  const [newest, position] = [counter.newest + 1, counter.position + bytes.length];
  let { oldest } = counter;
  for (let removed = 0; removed < trimmedAtOnce && oldest < newest; removed++) {
    const first = keys.find(recordKey(feed, oldest));
    if (first && position - startOf(first) <= keptBytes) break;
    if (first) keys.remove(recordKey(feed, oldest));
    oldest++;
  }
  keys.put(recordKey(feed, newest), { bytes, expiresAt: nowMs + recordLifeMs, kind: irreplaceableKind });
  const next = { id: counter.id, newest, oldest, position };
  keys.put(counterKey(feed), { bytes: encodeCounter(next), expiresAt: Infinity, kind: irreplaceableKind });
}

/** What stands in one snapshot of the database after the mark. */
export function readDiskFeed(
  counter: DiskFeedCounter,
  since: Mark | undefined,
  maxBehindBytes: number,
  read: (number: number) => Buffer | undefined,
): Pick<FeedReading, 'mark' | 'records' | 'gap'> {
  const mark = { id: counter.id, number: counter.newest, offset: counter.position };
  const gap = (reason: FeedGap): Pick<FeedReading, 'mark' | 'records' | 'gap'> => ({ mark, records: [], gap: reason });
  if (!since) return { mark, records: [], gap: undefined };
  if (since.id !== counter.id || since.number > counter.newest) return gap('the feed was lost');
  if (counter.position - since.offset > maxBehindBytes) return gap('too far behind');
  const records: Buffer[] = [];
  for (let number = since.number + 1; number <= counter.newest; number++) {
    const more = decodeRecord(read(number));
    if (!more) return gap('a record was lost');
    records.push(...more);
  }
  return { mark, records, gap: undefined };
}

function encodeRecord(position: number, records: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 + records.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = bytes.writeDoubleLE(position, 0);
  for (const record of records) {
    at = bytes.writeUInt16LE(record.length, at);
    bytes.set(record, at);
    at += record.length;
  }
  return bytes;
}

function decodeRecord(bytes: Buffer | undefined): Buffer[] | undefined {
  if (!bytes || bytes.length < 8) return undefined;
  const records: Buffer[] = [];
  for (let at = 8; at < bytes.length;) {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16LE(at);
    if (end > bytes.length) return undefined;
    records.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return records;
}

function startOf(record: Present): number {
  const bytes = record.copyBytes();
  return bytes.length < 8 ? -Infinity : bytes.readDoubleLE(0);
}
