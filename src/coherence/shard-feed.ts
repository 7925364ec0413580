import type { KeySpace } from '../key/key-space.js';
import type { FeedReading, Mark } from '../store/feed.js';
import type { Shard } from '../store/store.js';
import type { Timer } from '../value/clock.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels, reportFault } from '../value/events.js';
import { decodeRecord } from './feed-record.js';
import { OwnRecords } from './own-records.js';
import { ShardInvalidations } from './shard-invalidations.js';
import { ShardTrust } from './trust.js';
import { ShardVersions } from './shard-versions.js';
import type { VersionsOptions } from './shard-versions.js';
import { renewAfterMs } from './version-registry.js';

export interface ShardFeedOptions extends VersionsOptions {
  readonly cache: string;
  readonly intervalMs: number;
  readonly blindForMs: number;
  readonly maxBehindBytes: number;
  readonly clock: CacheClock;
  /** False: the list of versions alone is read, once an hour; near copies live by their own instants. */
  readonly polled: boolean;
  /** The list of versions of this shard tells of a clear by another process. */
  readonly cleared: (feed: ShardFeed) => void;
}

/** What a feed tells the near tiers. */
export interface FeedListener {
  /** Another process invalidated these, and began to do so at that time of its clock. */
  named(names: readonly string[], at: number): void;
  /** Something was missed: nothing near of this shard is known to be true. */
  missed(feed: ShardFeed, reason: string): void;
  /** The feed was read, and what was new in it was named before. */
  read(feed: ShardFeed): void;
}

/** A timer that is late by more than this was not merely late: the process stood still. */
const graceMs = 250;

/** In this process: several caches may read one feed. */
let readers = 0;

/**
 * The invalidations of one shard, as one cache reads them. Writers change the store first and append second; readers ask for what was appended.
 *
 * A copy that was read before an invalidation is named after it: 1. P1 reads the old value; 2. P2 changes the store; 3. P2 appends the name;
 * 4. P1's next reading finds it and drops the copy. Whenever P1's read began before 2, it began before 4, so the position that it noted is older
 * than the name, and the copy is dropped even if it arrives after 4.
 */
export class ShardFeed {
  /** Shared by the near copies of this shard's keys. */
  readonly trust: ShardTrust;
  /** Whether near copies of this shard are vouched for by its feed. */
  readonly isPolled: boolean;
  readonly versions: ShardVersions;
  /** What this cache sends to the shard, and appends to its feed. */
  readonly invalidations: ShardInvalidations;
  /** When the newest reading that was answered began: everything that stood in the feed by then is known. 0: it was never read. */
  readUpTo = 0;

  /** When that reading began, on the monotonic clock. */
  private readAt = 0;
  private readonly own = new OwnRecords();
  private readonly reader = ++readers;
  private mark: Mark | undefined;
  private wasRead = false;
  /** The last reading was not answered: with its cause, where the store could not be reached. */
  private failed: { readonly cause?: StoreUnavailableError } | undefined;
  private startedAt = 0;
  private timer: Timer | undefined;
  private underWay: Promise<boolean> | undefined;
  private next: Promise<boolean> | undefined;
  private stopWatching: (() => void) | undefined;
  private closed = false;
  private doubts = 0;
  /** So many of them there were when the last reading that was answered was sent. */
  private settledDoubts = 0;

  constructor(
    readonly shard: Shard,
    private readonly listener: FeedListener,
    private readonly options: ShardFeedOptions,
  ) {
    this.isPolled = options.polled && shard.readFeed !== undefined;
    this.trust = new ShardTrust(this.isPolled ? 0 : Infinity);
    this.versions = new ShardVersions(shard, options, (isCleared) => {
      if (isCleared) options.cleared(this);
      listener.missed(this, 'cleared');
    });
    this.invalidations = new ShardInvalidations(shard, options.feed, this.versions, this.own);
  }

  /** How old something may be that this feed has not vouched for. */
  get unreadForMs(): number {
    return this.options.intervalMs + this.options.blindForMs;
  }

  /** How old a look-up may be that others join, while the feed vouches for nothing: as old as what is known of the feed may be. */
  get unheardForMs(): number {
    return this.wasRead && !this.failed ? this.options.intervalMs + graceMs : this.unreadForMs;
  }

  /**
   * Resolves when the shard was asked of late, or since the call, and lists this version. Before that there is nothing to read, to lease or to write:
   * entries of the store are judged by the list of versions, and what was cleared is told by it alone.
   * @throws StoreUnavailableError
   */
  async ready(): Promise<void> {
    if (this.isOverdue) await this.heard();
    if (this.versions.generation === undefined) await this.versions.register();
  }

  /** As `ready`, for those who only look: this version is not listed by it. @throws StoreUnavailableError */
  async heard(): Promise<void> {
    if (this.isOverdue && !(await this.isRead()) && this.isOverdue) throw this.unheard();
  }

  /** As `heard`, but what was heard before the last reading failed counts for nothing. @throws StoreUnavailableError that says why it failed. */
  async answers(): Promise<void> {
    if ((this.isOverdue || this.failed) && !(await this.isRead())) throw this.failed?.cause ?? this.unheard();
  }

  private unheard(): StoreUnavailableError {
    const problem = this.wasRead ? 'its feed has not been read of late' : 'its feed was never read';
    return new StoreUnavailableError(this.shard.name, problem, this.failed);
  }

  /** Whether nothing needs to be waited for: `ready` would resolve at once. */
  isReady(space: KeySpace, now: number): boolean {
    return now < this.knownUntil && this.versions.generationOf(space) !== undefined;
  }

  /** A reading that is answered now may have begun too long ago. The next one begins after the call, however long it takes. */
  private async isRead(): Promise<boolean> {
    const begunBefore = this.underWay !== undefined;
    return (await this.poll()) && (!begunBefore || !this.isOverdue || (await this.poll()));
  }

  private get isOverdue(): boolean {
    return !this.wasRead || (!this.closed && this.options.clock.now() >= this.knownUntil);
  }

  /** Until when the list of versions that was read last judges entries. Of a process that stood still for a day, others have purged the version. */
  private get knownUntil(): number {
    return this.isPolled ? this.trust.until : this.readUpTo + 2 * renewAfterMs;
  }

  /** Reads what is new, joining a reading under way. False: it could not be read. Never rejects. */
  poll(): Promise<boolean> {
    return this.underWay ?? this.read();
  }

  /** As `poll`, by a reading that is sent from now on: one under way may have asked before what the caller waits for had happened. */
  pollAnew(): Promise<boolean> {
    if (!this.underWay) return this.read();
    this.next ??= this.underWay.then(() => {
      this.next = undefined;
      return this.underWay ?? this.read();
    });
    return this.next;
  }

  start(): void {
    if (this.isPolled)
      this.stopWatching = this.shard.watchFeed?.(this.options.feed, () => void this.pollAnew(), this.reader);
    void this.poll().then(() => this.schedule());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.stopWatching?.();
    this.trust.until = 0;
  }

  /** The clock was set back: what was believed until an instant of the time before is not, and the last reading is as long ago as it was. */
  distrust(): void {
    const { clock } = this.options;
    if (this.isPolled) this.trust.until = -Infinity;
    this.readUpTo = Math.min(this.readUpTo, clock.now() - Math.ceil(clock.monotonic() - this.readAt));
  }

  /** Another part has told of a clear, of which this one may not have told yet: nothing is believed before a reading that is sent from now on. */
  doubt(): void {
    if (!this.isPolled || this.closed) return;
    this.doubts++;
    this.trust.until = -Infinity;
    void this.pollAnew();
  }

  /** From now on no entry of this shard is there, nor a near copy of this process. @throws StoreUnavailableError */
  async clear(): Promise<void> {
    await this.invalidations.clear(this.options.clock.now());
    this.listener.missed(this, 'cleared');
  }

  private schedule(): void {
    if (this.closed) return;
    const { clock, intervalMs } = this.options;
    const everyMs = this.isPolled ? intervalMs : renewAfterMs;
    const delayMs = Math.max(0, everyMs - (clock.monotonic() - this.startedAt));
    this.timer = clock.after(delayMs, () => void this.poll().then(() => this.schedule()));
  }

  private read(): Promise<boolean> {
    this.underWay = this.readOnce().finally(() => (this.underWay = undefined));
    return this.underWay;
  }

  private async readOnce(): Promise<boolean> {
    const { clock, intervalMs } = this.options;
    const begun = clock.now();
    this.startedAt = clock.monotonic();
    const { doubts } = this;
    try {
      const applied = await this.readNew();
      this.wasRead = true;
      this.failed = undefined;
      void this.versions.renewIfOverdue();
      // 1. A reading is sent; 2. the wall clock is set back an hour; 3. it is answered: what it vouches for ends by the new time.
      const answeredAt = clock.now();
      const began = Math.min(begun, answeredAt - Math.ceil(clock.monotonic() - this.startedAt));
      this.settledDoubts = doubts;
      this.believeUntil(began + intervalMs + graceMs);
      this.tellReading(applied, true);
      this.readUpTo = began;
      this.readAt = this.startedAt;
      if (this.isPolled) this.listener.read(this);
      return true;
    } catch (error) {
      this.notAnswered(error);
      return false;
    }
  }

  private notAnswered(error: unknown): void {
    const { clock, intervalMs } = this.options;
    this.failed = error instanceof StoreUnavailableError ? { cause: error } : {};
    if (!this.failed.cause) this.tellUnexpected(error);
    this.tellReading(0, false);
    // The clock is asked first: where it was set back, that corrects `readUpTo`. Of a process that stood still, being blind is over.
    const now = clock.now();
    this.believeUntil(Math.min(now + intervalMs + graceMs, this.readUpTo + this.unreadForMs));
  }

  private believeUntil(until: number): void {
    const isDoubted = this.settledDoubts !== this.doubts;
    if (this.isPolled && !this.closed && !isDoubted) this.trust.until = until;
  }

  /** Returns how many records were new. */
  private async readNew(): Promise<number> {
    const { feed, maxBehindBytes } = this.options;
    const { versions } = this;
    if (!this.isPolled || !this.shard.readFeed) {
      await versions.reread();
      return 0;
    }
    const since = this.wasRead ? (this.mark ?? nowhere) : undefined;
    const question = { feed, since, watch: versions.key, maxBehindBytes, reader: this.reader };
    const list = versions.begin();
    const reading = await this.shard.readFeed(question);
    if (!versions.learn(reading.watched, list)) await versions.reread();
    // While the first readings failed, copies were made that what stands in the feed by now may have named.
    const lateStart = !this.wasRead && this.failed !== undefined;
    const gap = reading.gap ?? (lateStart ? 'it could not be read before' : this.apply(reading));
    this.mark = reading.mark;
    if (gap !== undefined) this.listener.missed(this, gap);
    return gap === undefined ? reading.records.length : 0;
  }

  /** Returns why what was invalidated can't be known, if so. */
  private apply({ records }: FeedReading): string | undefined {
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (!record) {
        this.tellUnexpected(undefined);
        return 'a record that can’t be read';
      }
      if (!this.own.isAnswered(record)) this.listener.named(record.names, record.at);
    }
    return undefined;
  }

  private tellReading(applied: number, answered: boolean): void {
    if (!channels.logRead.hasSubscribers || !this.isPolled) return;
    const { cache, clock } = this.options;
    const lagMs = this.readUpTo === 0 ? 0 : clock.now() - this.readUpTo;
    channels.logRead.publish({ cache, shard: this.shard.name, lagMs, applied, answered });
  }

  private tellUnexpected(cause: unknown): void {
    const message = 'The feed of invalidations holds what no process of this version wrote.';
    reportFault({ source: this.shard.name, kind: 'undecodable', message, cause });
  }
}

/** A mark that no feed has: whoever stands nowhere is told of a gap. */
const nowhere: Mark = { id: '', number: -1, offset: 0 };
