import type { Clock } from '../../value/clock.js';
import { irreplaceableKind } from './disk-record.js';
import { randomPlace } from './disk-key.js';
import type { Environment, EnvironmentStats } from './environment.js';
import { neighbours } from './neighbours.js';
import type { Neighbour } from './neighbours.js';
import { transactionBounds } from './transaction-bounds.js';
import type { Change } from './write-batch.js';

export interface Usage {
  /** Bytes of pages that hold items or the tree over them. */
  readonly usedBytes: number;
  readonly fileBytes: number;
  readonly entries: number;
}

const sampleSize = 32;
/** Of one sample, the oldest quarter goes: what is dropped is older than most of what stays, at the cost of one short scan. */
const share = 4;
/** At least two, and more where items are small. Many at a time write many pages anew, which the file has to hold as well. */
const leastSamples = 2;
const mostSamples = 16;
/** Steps in a row that have freed no page: where items are small, a page is free after several. */
const mostWasted = 32;
const measureEachBytes = 256 * 2 ** 10;
/** Of the largest limit: small writes let the file grow no further. At 1.5 the store starts anew. */
const mostGrown = 1.25;
/** Beyond the limit no more goes ahead than one step removes where items are small. */
const beyondLimitBytes = 8 * 2 ** 10;

/**
 * Keeps the database within its bytes by dropping the oldest of random samples. A read changes nothing, so "old" is the time since it was
 * written, not since it was used; what expired goes first. What is irreplaceable goes only where nothing else is found, and then what would live longest:
 * counters can be begun anew, and a lock that goes lets a second holder in.
 *
 * The file never shrinks; the pages of what is dropped are used again. LMDB writes its list of free pages with each transaction, so
 * little more is freed than is needed: 85 % of the limit may be in use, the rest is for the fragments that values of different
 * sizes leave. Once the file comes within 5 % of the limit nevertheless, less may be used, down to a half.
 *
 * Where removing is slower than writing, a small write goes ahead after one step of it: a lock waits no longer than that. Beyond the limit it is a very
 * small one, and as long as the file is far from what starts it anew or has free pages.
 */
export class Room {
  private unmeasuredBytes = Infinity;
  /** In use when the disk was full. */
  private fullAtBytes = Infinity;
  /** The last `make` left off with more in use than may be. */
  private isBehind = false;
  private usage: Usage = { usedBytes: 0, fileBytes: 0, entries: 0 };

  constructor(
    private readonly environment: Environment,
    public maxBytes: number,
    /** Of all processes that use the database. */
    private readonly largestMaxBytes: () => number,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly apply: (changes: readonly Change[]) => Promise<boolean[]>,
    private readonly evicted: (entries: number) => void,
  ) {}

  /**
   * Before a write of so many bytes, and from time to time with 0.
   *
   * @param withinMs when to leave off: one step is taken in any case.
   * @returns the bytes that may be written now; Infinity: all of them, or no more room can be made.
   */
  async make(bytes: number, withinMs: number): Promise<number> {
    const until = this.clock.monotonic() + withinMs;
    this.unmeasuredBytes += bytes * 1.5;
    if (this.unmeasuredBytes < measureEachBytes && !(this.isBehind && bytes > 0)) return Infinity;
    this.unmeasuredBytes = 0;
    this.measure();
    let wasted = 0;
    for (let steps = 0; ; steps++) {
      const excess = this.usage.usedBytes + bytes * 1.5 - this.limit();
      this.isBehind = excess > 0 && this.usage.entries > 0 && wasted < mostWasted;
      if (!this.isBehind) return Infinity;
      const forSmall = this.roomForSmall();
      if (steps > 0 && bytes > 0 && bytes <= forSmall) return Infinity;
      if (steps > 0 && this.clock.monotonic() >= until) return Math.max(0, bytes - excess / 1.5, forSmall);
      const before = this.usage.usedBytes;
      await this.evict(excess, wasted > 2);
      this.unmeasuredBytes = 0;
      this.measure();
      wasted = this.usage.usedBytes < before ? 0 : wasted + 1;
    }
  }

  /** The next `make` looks, however little was written. */
  doubt(): void {
    this.unmeasuredBytes = Infinity;
  }

  /** The disk is full: what is used now, less a little, is all there is until `relax`. */
  contract(): void {
    this.fullAtBytes = Math.min(this.fullAtBytes, this.usage.usedBytes);
    this.doubt();
  }

  relax(): void {
    this.fullAtBytes = Infinity;
  }

  measure(): Usage {
    const stats = this.environment.getStats() as EnvironmentStats;
    this.environment.resetReadTxn();
    const pages = (of: Omit<EnvironmentStats, 'free'> | EnvironmentStats['free']): number =>
      of.treeBranchPageCount + of.treeLeafPageCount + of.overflowPages;
    this.usage = {
      usedBytes: (pages(stats) + pages(stats.free)) * stats.pageSize,
      fileBytes: (stats.lastPageNumber + 1) * stats.pageSize,
      entries: stats.entryCount,
    };
    return this.usage;
  }

  private limit(): number {
    const grownBeyond = Math.max(0, this.usage.fileBytes - this.maxBytes * 0.95);
    return Math.min(Math.max(this.maxBytes * 0.85 - grownBeyond, this.maxBytes / 2), this.fullAtBytes * 0.98);
  }

  /** Locks are small: they don't wait until the room is made that large writes need. On a full disk they take what was removed since. */
  private roomForSmall(): number {
    const { usedBytes, fileBytes } = this.usage;
    const largest = Math.max(this.maxBytes, this.largestMaxBytes());
    const within = Math.min(Math.min(largest, this.fullAtBytes) - usedBytes, measureEachBytes);
    const mayGrow = fileBytes < largest * mostGrown;
    const most = mayGrow ? largest * mostGrown : fileBytes - transactionBounds(largest).bytes;
    const beyond = Math.min(Math.min(most, this.fullAtBytes) - usedBytes, beyondLimitBytes);
    return Math.max(within, beyond) / 1.5;
  }

  private async evict(bytes: number, alsoIrreplaceable: boolean): Promise<void> {
    const now = this.clock.now();
    const olderFirst: Order = (a, b) =>
      Number(b.expiresAt <= now) - Number(a.expiresAt <= now) || a.writtenAt - b.writtenAt;
    const samples: Neighbour[][] = [];
    for (let seen = 0; samples.length < leastSamples || (seen / share < bytes && samples.length < mostSamples);) {
      const budget = { clock: this.clock, budgetMs: 5 };
      const sample = neighbours(this.environment, randomPlace(this.random), sampleSize, budget);
      samples.push(sample);
      seen += sample.reduce((sum, { size }) => sum + size, 0);
    }
    const mayGo = ({ kind, expiresAt }: Neighbour): boolean => kind !== irreplaceableKind || expiresAt <= now;
    let candidates = firstOfEach(
      samples.map((sample) => sample.filter(mayGo)),
      olderFirst,
    );
    if (candidates.length === 0 && alsoIrreplaceable) {
      // A lock may be alone in a short one.
      const whole = samples.filter(({ length }) => length === sampleSize);
      candidates = firstOfEach(whole, (a, b) => b.expiresAt - a.expiresAt || a.writtenAt - b.writtenAt);
    }
    const { changes: mostChanges } = transactionBounds(this.maxBytes);
    const chosen: Change[] = [];
    let freed = 0;
    for (const { key, version, size } of candidates) {
      if (freed >= bytes || chosen.length === mostChanges) break;
      chosen.push({ key, expected: version, version: 0 });
      freed += size;
    }
    if (chosen.length === 0) return;
    const removed = await this.apply(chosen);
    this.evicted(removed.filter(Boolean).length);
  }
}

type Order = (a: Neighbour, b: Neighbour) => number;

/** The first quarter of each sample, all in that order. */
function firstOfEach(samples: readonly Neighbour[][], order: Order): Neighbour[] {
  const found = new Map<string, Neighbour>();
  for (const sample of samples) {
    for (const item of sample.sort(order).slice(0, Math.ceil(sample.length / share)))
      found.set(Buffer.from(item.key).toString('latin1'), item);
  }
  return [...found.values()].sort(order);
}
