import { StoreUnavailableError } from '../value/errors.js';
import type { Clock, Timer } from '../value/clock.js';
import { channels } from '../value/events.js';
import type { Shard } from '../store/store.js';
import { ShardTrust } from '../tier/trust.js';
import { decodeSlot, encodeSlot } from './log-slot.js';
import type { LogName, LogSlot } from './log-slot.js';

export interface ShardLogOptions {
  readonly cache: string;
  readonly namespace: string;
  /** Names this process among writers: its own slots are not applied again. */
  readonly writer: string;
  readonly intervalMs: number;
  readonly blindForMs: number;
  readonly clock: Clock;
  /** False: nothing is appended and nothing polled; near copies live by their own instants alone. */
  readonly enabled: boolean;
}

/** What a log tells the near tiers. */
export interface LogListener {
  /** Another process invalidated these, and began to do so at that time of its clock, if it said so. */
  named(names: readonly LogName[], at: number | undefined): void;
  /** Something was missed: nothing near of this shard is known to be true. */
  missed(shard: ShardLog, reason: string): void;
  /** The log was read, and what was new in it was named before. */
  read(shard: ShardLog): void;
}

/** Slots before the ring begins again: a process that was away for longer than this many appends starts afresh. */
const ringSlots = 1_024;
const slotLifeMs = 3_600_000;
/** A timer that is late by more than this was not merely late: the process stood still. */
const graceMs = 250;
const slotWaits = 3;
const slotWaitMs = 15;

/**
 * The invalidation log of one shard: a counter, and a ring of slots. Writers change the store first and append second; readers poll
 * the counter and read the slots they have not seen.
 *
 * A copy that was read before an invalidation is named after it: 1. P1 reads the old value; 2. P2 changes the store; 3. P2 takes number
 * n; 4. P2 writes slot n; 5. P1's next poll finds n and drops the copy. Whenever P1's read began before 2, it began before 5, so
 * the position that it noted is older than the name, and the copy is dropped even if it arrives after 5.
 */
export class ShardLog {
  /** Shared by the near copies of this shard's keys. */
  readonly trust: ShardTrust;
  /** The clear generation of the namespace on this shard; entries of an older one are not there. */
  generation: number | undefined;

  private applied: number | undefined;
  private firstReadAt: number | undefined;
  private lastReadAt = 0;
  private lastSuccessAt = 0;
  private timer: Timer | undefined;
  private polling: Promise<void> | undefined;
  private closed = false;
  private readonly counterKey: string;
  private readonly clearKey: string;

  constructor(
    readonly shard: Shard,
    private readonly listener: LogListener,
    private readonly options: ShardLogOptions,
  ) {
    this.trust = new ShardTrust(options.enabled ? 0 : Infinity);
    this.counterKey = `${options.namespace}~log`;
    this.clearKey = `${options.namespace}~clear`;
  }

  /** When the newest reading that was answered began: everything that stood in the log by then is known. 0: it was never read. */
  get readUpTo(): number {
    return this.lastSuccessAt;
  }

  /** How old something may be that this log has not vouched for. */
  get unreadForMs(): number {
    return this.options.intervalMs + this.options.blindForMs;
  }

  /** Resolves when the log was read at least once. @throws StoreUnavailableError */
  async ready(): Promise<void> {
    if (this.generation === undefined) await this.poll();
    if (this.generation === undefined) throw new StoreUnavailableError(this.shard.name, 'its log was never read');
  }

  /** Reads what is new now, joining a read under way. Never rejects: afterwards `trust` says what is to be believed. */
  poll(): Promise<void> {
    this.polling ??= this.readOnce().finally(() => (this.polling = undefined));
    return this.polling;
  }

  start(): void {
    if (this.options.enabled) void this.poll().then(() => this.schedule());
    else void this.poll();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.trust.until = 0;
  }

  /**
   * Says that these are no longer true. Resolves when it stands in the log.
   * @param at when the change in the store began. Default: now.
   * @throws StoreUnavailableError
   */
  async append(names: readonly LogName[], at = this.options.clock.now()): Promise<void> {
    if (!this.options.enabled) return;
    const number = await this.shard.increment(this.counterKey, 1, seed(this.options.clock));
    const slot = encodeSlot({ number, writer: this.options.writer, names, at });
    await this.shard.write(this.slotKey(number), slot, { lifeMs: slotLifeMs });
  }

  /** Makes every entry of the namespace on this shard unreachable, for all processes. @throws StoreUnavailableError */
  async clear(): Promise<void> {
    this.generation = await this.shard.increment(this.clearKey, 1, seed(this.options.clock));
    if (this.options.enabled) await this.append([]);
  }

  private schedule(): void {
    if (this.closed) return;
    const sinceLast = this.options.clock.now() - this.lastReadAt;
    this.timer = this.options.clock.after(Math.max(0, this.options.intervalMs - sinceLast), () => {
      void this.poll().then(() => this.schedule());
    });
  }

  private async readOnce(): Promise<void> {
    const { clock, intervalMs, blindForMs } = this.options;
    const startedAt = clock.now();
    this.firstReadAt ??= startedAt;
    const standstill = this.lastReadAt > 0 && startedAt - this.lastReadAt > intervalMs + blindForMs;
    try {
      const applied = await this.readNew();
      if (this.options.enabled && !this.closed) this.trust.until = startedAt + intervalMs + graceMs;
      this.tellReading(applied, true);
      this.lastSuccessAt = startedAt;
      if (this.options.enabled) this.listener.read(this);
    } catch {
      this.tellReading(0, false);
      const blindUntil = this.lastSuccessAt + intervalMs + blindForMs;
      if (this.options.enabled && !standstill)
        this.trust.until = Math.min(blindUntil, clock.now() + intervalMs + graceMs);
    } finally {
      this.lastReadAt = startedAt;
    }
  }

  /** Returns how many records were new. */
  private async readNew(): Promise<number> {
    const [counter, generation] = await this.readCounters();
    if (this.generation !== undefined && generation > this.generation) this.listener.missed(this, 'cleared');
    if (this.generation === undefined || generation > this.generation) this.generation = generation;
    // While the first reads failed, copies were made that what stands in the log by now may have named.
    if (this.applied === undefined && this.lastReadAt > 0) this.listener.missed(this, 'it could not be read before');
    if (this.applied === undefined || !this.options.enabled) this.applied = counter;
    const seen = this.applied;
    if (counter === seen) return 0;
    const missed = await this.applyUpTo(counter, seen);
    this.applied = counter;
    if (missed === undefined) return counter - seen;
    this.listener.missed(this, missed);
    return 0;
  }

  /** Applies the slots after `seen`. Returns why they can't be known, if so. */
  private async applyUpTo(counter: number, seen: number): Promise<string | undefined> {
    if (counter < seen) return 'the counter went back';
    if (counter - seen > ringSlots) return 'a gap in the log';
    const slots = await this.readSlots(seen + 1, counter);
    if (!slots) return 'a slot was lost';
    for (const { writer, names, at } of slots) {
      if (writer === this.options.writer) continue;
      if (!names) return 'more was named than a slot holds';
      this.listener.named(names, at);
    }
    return undefined;
  }

  private tellReading(applied: number, answered: boolean): void {
    if (!channels.logRead.hasSubscribers || !this.options.enabled) return;
    const { cache, clock } = this.options;
    const lagMs = clock.now() - (this.lastSuccessAt || (this.firstReadAt ?? 0));
    channels.logRead.publish({ cache, shard: this.shard.name, lagMs, applied, answered });
  }

  /** A counter that was lost is made anew from the clock, hence greater than it was: readers see a gap, never a repetition. */
  private async readCounters(): Promise<[number, number]> {
    const keys = [this.counterKey, this.clearKey];
    const found = await this.shard.readMany(keys);
    const numbers = found.map(async (item, index): Promise<number> => {
      const number = item && Number(item.bytes.toString('latin1'));
      return Number.isSafeInteger(number)
        ? (number as number)
        : this.shard.increment(keys[index] as string, 0, seed(this.options.clock));
    });
    return Promise.all(numbers) as Promise<[number, number]>;
  }

  /**
   * `undefined` when one is missing. A number is taken before its slot is written, so the newest may need a moment; if its writer
   * died in between, it stays missing.
   */
  private async readSlots(first: number, last: number): Promise<LogSlot[] | undefined> {
    const keys = Array.from({ length: last - first + 1 }, (_, index) => this.slotKey(first + index));
    for (let waits = 0; ; waits++) {
      const items = await this.shard.readMany(keys);
      const slots = items.map((item) => item && decodeSlot(item.bytes));
      if (slots.every((slot, index) => slot?.number === first + index)) return slots as LogSlot[];
      if (waits === slotWaits) return undefined;
      await this.options.clock.sleep(slotWaitMs);
    }
  }

  private slotKey(number: number): string {
    return `${this.options.namespace}~log:${number % ringSlots}`;
  }
}

/** Where counters begin: microseconds since 1970, the last three digits at random, so that a lost counter never comes to an old value. */
export function seed(clock: Clock): number {
  return Math.floor(clock.now()) * 1_000 + Math.floor(Math.random() * 1_000);
}
