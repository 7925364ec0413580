import { channels, reportFault } from '../value/events.js';
import type { Clock, Timer } from '../value/clock.js';
import { followUpName, isTagName } from './invalidated-names.js';
import { sizeOf } from './unacknowledged.js';
import type { Unacknowledged } from './unacknowledged.js';

/** A part of the store, as far as it matters here. */
export interface Part {
  readonly shard: { readonly name: string };
  /** Makes every entry unreachable that lies on this part. @throws StoreUnavailableError */
  clear(): Promise<void>;
}

interface Entry extends Unacknowledged {
  readonly ticket: number;
  /** Where it is sent; undefined: to several. */
  readonly part: Part | undefined;
  /** It clears the part, in the place of names, and is told of all of them. */
  readonly clears: boolean;
  /** The first removal was acknowledged: the second is due then, on the monotonic clock. */
  repeatAt: number | undefined;
  /** The second was not: the store has stood once more, perhaps with the bytes before it, and a third follows. */
  repeatFailed?: boolean;
}

const firstDelayMs = 100;
const maxDelayMs = 2_000;
const repeatAfterMs = 5_000;
/** Sent to one part at a time; more wait for the next turn. */
const atATime = 1_000;
const maxBytes = 16 * 2 ** 20;

/**
 * Invalidations that were not acknowledged, the newest per name, sent again until they are. While a name is in here this process reads
 * it from its source: what the store holds is known to be outdated. Nothing is given up but at the end; where more is waiting than memory is
 * there for, clearings of the parts that it lies on take its place.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>();
  private readonly underWay = new Map<string, Promise<unknown>>();
  /** How many writes of a name hold it back. */
  private readonly held = new Map<string, number>();
  private tickets = 0;
  private bytes = 0;
  private timer: Timer | undefined;
  /** When it is due, on the monotonic clock. */
  private timerAt = 0;
  private delayMs = firstDelayMs;
  private closed = false;
  /** Nothing is sent any more. */
  private ended = false;
  private readonly clearing = new Set<Part>();
  /** Ends of clearings so far. */
  private ends = 0;

  constructor(
    private readonly cache: string,
    private readonly clock: Clock,
    private readonly parts: readonly Part[],
    /** Where an invalidation of the name is sent. */
    private readonly partOf: (name: string) => Part,
  ) {}

  /** One look-up in an empty map, nearly always. */
  has(name: string): boolean {
    if (this.entries.size === 0) return false;
    return this.entries.has(name) || (this.clearing.size > 0 && this.isCleared(name));
  }

  /** What a tag has taken may lie on any part. */
  private isCleared(name: string): boolean {
    return isTagName(name) || this.clearing.has(this.partOf(name));
  }

  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  /** For a write, an invalidation or a clear that begins: larger than those of all that began earlier. */
  ticket(): number {
    return ++this.tickets;
  }

  /** Names that wait, clearings, and what is left to do after names of which none waits any more. */
  get size(): number {
    return [...this.entries.values()].filter(
      (entry) => entry.after === undefined || (entry.repeatAt === undefined && this.isNext(entry)),
    ).length;
  }

  /** None of what it comes after waits. Else those are counted and reported in its place. */
  private isNext({ after = [] }: Unacknowledged): boolean {
    return !after.some((name) => this.entries.has(name));
  }

  add(unacknowledged: Unacknowledged): void {
    if (this.ended) return this.giveUp(unacknowledged);
    const { name, after } = unacknowledged;
    const mayStillArrive = unacknowledged.mayStillArrive === true || this.entries.get(name)?.mayStillArrive === true;
    this.wait({ ...unacknowledged, mayStillArrive }, after ? undefined : this.partOf(name));
    if (this.isNext(unacknowledged)) this.reportAdded(unacknowledged.shown);
    if (this.bytes > maxBytes) this.replaceByClearings();
    this.wakeAt(this.clock.monotonic() + this.delayMs);
  }

  private wait(unacknowledged: Unacknowledged, part: Part | undefined, clears = false): void {
    const ticket = unacknowledged.ticket ?? this.ticket();
    const earlier = this.remove(unacknowledged.name)?.ticket ?? 0;
    this.entries.set(unacknowledged.name, {
      ...unacknowledged,
      ticket: Math.max(ticket, earlier),
      part,
      clears,
      repeatAt: undefined,
    });
    this.bytes += sizeOf(unacknowledged);
  }

  private reportAdded(key: string): void {
    const message = 'An invalidation will be sent again.';
    reportFault({ source: this.cache, kind: 'write-unacknowledged', message, key });
  }

  /**
   * A write of the same name was acknowledged: nothing is left to say of what began before it, but for bytes that may still arrive.
   *
   * 1. `set(k)` is sent, and the store carries it out; 2. `delete(k)` is refused, and waits here; 3. the set is answered: the removal is later, and waits on.
   */
  settle(name: string, ticket: number): void {
    const entry = this.entries.get(name);
    if (!entry || entry.ticket > ticket) return;
    if (entry.mayStillArrive !== true) this.remove(name);
    else entry.repeatAt ??= this.clock.monotonic() + repeatAfterMs;
  }

  /**
   * For a write of these names that is about to be sent: nothing of theirs is sent until `release` is called, and what is under way has been when `sent` resolves.
   *
   * 1. `set(k)` was not acknowledged, and the removal of k waits here; 2. the store answers again, and `set(k)` is sent once more; 3. the removal
   * is sent; 4. the store writes k, then removes it; 5. `set(k)` resolves to true, and there is no k.
   */
  hold(names: readonly string[]): { readonly sent: Promise<unknown> | undefined; readonly release: () => void } {
    for (const name of names) this.held.set(name, (this.held.get(name) ?? 0) + 1);
    const sending = this.underWay.size === 0 ? [] : names.flatMap((name) => this.underWay.get(name) ?? []);
    const release = (): void => {
      for (const name of names) {
        const others = (this.held.get(name) ?? 1) - 1;
        if (others > 0) this.held.set(name, others);
        else this.held.delete(name);
      }
    };
    return { sent: sending.length > 0 ? Promise.all(sending) : undefined, release };
  }

  /** Sends everything once more; what can't be acknowledged now is given up and said. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    while ((await this.sendDue(Infinity, Infinity)) && this.entries.size > 0);
    const left = [...this.entries.values()];
    const givenUp = left.filter((entry) => entry.repeatAt === undefined && this.isNext(entry));
    for (const { name } of left) this.remove(name);
    for (const { shown } of givenUp) this.tellGivenUp(shown);
    this.ended = true;
  }

  /** What is left to do after names is theirs: they were given up, too. */
  private giveUp({ shown, after, ended }: Unacknowledged): void {
    ended?.();
    if (!after) this.tellGivenUp(shown);
  }

  private tellGivenUp(key: string): void {
    if (!channels.writeGivenUp.hasSubscribers) return;
    channels.writeGivenUp.publish({ cache: this.cache, key, reason: 'closed' });
  }

  /** When the next turn is: at its pace, or later where all that waits was acknowledged once. */
  private nextTurnAt(): number {
    const atPace = this.clock.monotonic() + this.delayMs;
    const waiting = [...this.entries.values()];
    if (waiting.some(({ repeatAt }) => repeatAt === undefined)) return atPace;
    return Math.max(atPace, Math.min(...waiting.map(({ repeatAt = 0 }) => repeatAt)));
  }

  /** A turn that is due later does not keep it waiting. */
  private wakeAt(at: number): void {
    if (this.closed || this.isEmpty || (this.timer && this.timerAt <= at)) return;
    this.timer?.cancel();
    this.timerAt = at;
    this.timer = this.clock.after(at - this.clock.monotonic(), () => {
      this.timer = undefined;
      void this.sendDue(this.clock.monotonic()).then(() => this.wakeAt(this.nextTurnAt()));
    });
  }

  /** @returns whether something was acknowledged. */
  private async sendDue(now: number, most = atATime): Promise<boolean> {
    const outcomes = await Promise.all(this.dueAt(now, most).map((entry) => this.send(entry)));
    this.delayMs = outcomes.every(Boolean) ? firstDelayMs : Math.min(this.delayMs * 2, maxDelayMs);
    return outcomes.some(Boolean);
  }

  /** So many of each part: none waits behind what is meant for another, which may be away. */
  private dueAt(now: number, most: number): Entry[] {
    const counts = new Map<Part | undefined, number>();
    return [...this.entries.values()].filter((entry) => {
      const count = counts.get(entry.part) ?? 0;
      if (count >= most || !this.isDue(entry, now)) return false;
      counts.set(entry.part, count + 1);
      return true;
    });
  }

  private isDue(entry: Entry, now: number): boolean {
    if (this.held.has(entry.name) || (entry.repeatAt ?? now) > now) return false;
    return this.isNext(entry);
  }

  /** It may be under way already, where that is slow: whoever holds the name back waits for both. */
  private send(entry: Entry): Promise<boolean> {
    const sending = this.acknowledged(entry);
    const all = Promise.all([sending, this.underWay.get(entry.name)]).finally(() => {
      if (this.underWay.get(entry.name) === all) this.underWay.delete(entry.name);
    });
    this.underWay.set(entry.name, all);
    return sending;
  }

  private async acknowledged(entry: Entry): Promise<boolean> {
    const isRepeat = entry.repeatAt !== undefined;
    try {
      await entry.resend();
    } catch {
      if (isRepeat) entry.repeatFailed = true;
      // The store has reported its own fault. What waits as well comes first from now on.
      if (this.entries.get(entry.name) === entry) {
        this.entries.delete(entry.name);
        this.entries.set(entry.name, entry);
      }
      return false;
    }
    // A newer one of the same name, added while this one was on its way, stays.
    if (this.entries.get(entry.name) !== entry) return true;
    const isLast = isRepeat && entry.repeatFailed !== true;
    if (entry.mayStillArrive !== true || isLast) this.remove(entry.name);
    else entry.repeatAt = this.closed ? 0 : this.clock.monotonic() + repeatAfterMs;
    entry.repeatFailed = false;
    return true;
  }

  private replaceByClearings(): void {
    const replaced = [...this.entries.values()].filter(({ clears }) => !clears);
    const names = replaced.flatMap(({ name, after }) => after ?? [name]);
    for (const { name } of replaced) this.remove(name);
    const message =
      'More invalidations wait than memory is there for: the servers that they are meant for will be cleared instead.';
    reportFault({ source: this.cache, kind: 'write-unacknowledged', message });
    this.clear(names.some(isTagName) ? this.parts : [...new Set(names.map(this.partOf))]);
  }

  /**
   * Each part until it has acknowledged, and once more after the last of several: meanwhile another process may have stored on a part that was cleared
   * what it built from one that was not yet.
   */
  private clear(parts: readonly Part[], isEnd = false): void {
    for (const part of parts) {
      const shown = `all entries on ${part.shard.name}`;
      this.wait({ name: this.clearingOf(part), shown, resend: () => part.clear() }, part, true);
      this.clearing.add(part);
    }
    if (parts.length < 2 || isEnd) return;
    const after = parts.map((part) => this.clearingOf(part));
    const resend = async (): Promise<void> => this.clear(parts, true);
    this.wait(
      { name: followUpName('end', ++this.ends), shown: 'the end of clearings', resend, after },
      undefined,
      true,
    );
  }

  private clearingOf(part: Part): string {
    return followUpName('clear', this.parts.indexOf(part));
  }

  private remove(name: string): Entry | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    this.entries.delete(name);
    if (entry.clears && entry.part) this.clearing.delete(entry.part);
    this.bytes -= sizeOf(entry);
    entry.ended?.();
    return entry;
  }
}
