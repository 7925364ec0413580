import { channels, reportFault } from '../value/events.js';
import type { Clock, Timer } from '../value/clock.js';

/** An invalidation that the store has not acknowledged. */
export interface Unacknowledged {
  /** Of a key or a tag, as the feed has it. */
  readonly name: string;
  /** For people. */
  readonly shown: string;
  /** Resolves when the store has acknowledged, rejects when it still can't. Those of one turn go together. */
  readonly resend: () => Promise<void>;
  /**
   * A `set` was sent and never answered: its bytes may still be on their way, and arrive after the removal that follows and after a newer value. So
   * the removal is sent once more, 5 s later.
   */
  readonly mayStillArrive?: boolean;
  /** Not sent while one of these names waits: it is what is left to do when they are acknowledged. */
  readonly after?: readonly string[];
}

interface Entry extends Unacknowledged {
  /** The first removal was acknowledged: the second is due then, on the monotonic clock. */
  repeatAt: number | undefined;
}

const firstDelayMs = 100;
const maxDelayMs = 2_000;
const repeatAfterMs = 5_000;
/** Sent at a time; more wait for the next turn. */
const atATime = 1_000;
/** What an entry takes besides its texts. */
const overheadBytes = 200;
/** Their texts stand in entries of their own. */
const bytesPerNameAfter = 64;
const maxBytes = 16 * 2 ** 20;

/**
 * Invalidations that were not acknowledged, the newest per name, sent again until they are. While a name is in here this process reads
 * it from its source: what the store holds is known to be outdated. Nothing is given up but at the end; where more is waiting than memory is
 * there for, one clearing of everything takes its place.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>();
  private readonly underWay = new Map<string, Promise<boolean>>();
  /** How many writes of a name hold it back. */
  private readonly held = new Map<string, number>();
  private bytes = 0;
  private timer: Timer | undefined;
  private delayMs = firstDelayMs;
  private closed = false;
  private clearing: (() => Promise<void>) | undefined;

  constructor(
    private readonly cache: string,
    private readonly clock: Clock,
    /** Makes every entry of the cache unreachable. */
    private readonly clearAll: () => Promise<void>,
  ) {}

  /** One look-up in an empty map, nearly always. */
  has(name: string): boolean {
    return (this.entries.size > 0 && this.entries.has(name)) || this.clearing !== undefined;
  }

  get isEmpty(): boolean {
    return this.entries.size === 0 && this.clearing === undefined;
  }

  /** Names that wait, and a clearing of everything. */
  get size(): number {
    const names = [...this.entries.values()].filter(({ after }) => after === undefined);
    return names.length + (this.clearing ? 1 : 0);
  }

  add(unacknowledged: Unacknowledged): void {
    const { name, shown } = unacknowledged;
    const former = this.remove(name);
    const mayStillArrive = unacknowledged.mayStillArrive === true || former?.mayStillArrive === true;
    this.entries.set(name, { ...unacknowledged, mayStillArrive, repeatAt: undefined });
    this.bytes += sizeOf(unacknowledged);
    if (!unacknowledged.after) this.reportAdded(shown);
    if (this.bytes > maxBytes) this.replaceByClearing();
    this.schedule();
  }

  private reportAdded(key: string): void {
    const message = 'An invalidation will be sent again.';
    reportFault({ source: this.cache, kind: 'write-unacknowledged', message, key });
  }

  /** A later write of the same name was acknowledged: nothing is left to say, but for bytes that may still arrive. */
  settle(name: string): void {
    if (this.entries.size === 0) return;
    const entry = this.entries.get(name);
    if (entry?.mayStillArrive !== true) this.remove(name);
    else entry.repeatAt ??= this.clock.monotonic() + repeatAfterMs;
  }

  /**
   * For a write of these names that is about to be sent: nothing of theirs is sent until the returned function is called.
   *
   * 1. `set(k)` was not acknowledged, and the removal of k waits here; 2. the store answers again, and `set(k)` is sent once more; 3. the removal
   * is sent; 4. the store writes k, then removes it; 5. `set(k)` resolves to true, and there is no k.
   */
  async hold(names: readonly string[]): Promise<() => void> {
    for (const name of names) this.held.set(name, (this.held.get(name) ?? 0) + 1);
    await Promise.all(names.flatMap((name) => this.underWay.get(name) ?? []));
    return () => {
      for (const name of names) {
        const others = (this.held.get(name) ?? 1) - 1;
        if (others > 0) this.held.set(name, others);
        else this.held.delete(name);
      }
    };
  }

  /** Sends everything once more; what can't be acknowledged now is given up and said. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    while ((await this.sendDue(Infinity)) && this.entries.size > 0);
    for (const { name, shown, repeatAt, after } of [...this.entries.values()]) {
      this.remove(name);
      if (repeatAt !== undefined || after !== undefined || !channels.writeGivenUp.hasSubscribers) continue;
      channels.writeGivenUp.publish({ cache: this.cache, key: shown, reason: 'closed' });
    }
  }

  private schedule(): void {
    if (this.closed || this.timer || this.isEmpty) return;
    const repeats = [...this.entries.values()].every(({ repeatAt }) => repeatAt !== undefined) && !this.clearing;
    const now = this.clock.monotonic();
    const soonest = repeats ? Math.min(...[...this.entries.values()].map(({ repeatAt }) => repeatAt ?? now)) - now : 0;
    this.timer = this.clock.after(Math.max(this.delayMs, soonest), () => {
      this.timer = undefined;
      void this.sendDue(this.clock.monotonic()).then(() => this.schedule());
    });
  }

  /** @returns whether all that was sent was acknowledged, and something was. */
  private async sendDue(now: number): Promise<boolean> {
    if (this.clearing && !(await this.sendClearing(this.clearing))) return this.slowDown();
    const due: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (due.length === atATime) break;
      if (this.isDue(entry, now)) due.push(entry);
    }
    const outcomes = await Promise.all(due.map((entry) => this.send(entry)));
    if (!outcomes.every(Boolean)) return this.slowDown();
    this.delayMs = firstDelayMs;
    return due.length > 0;
  }

  private isDue({ name, repeatAt, after }: Entry, now: number): boolean {
    if (this.held.has(name) || (repeatAt ?? now) > now) return false;
    return after === undefined || !after.some((other) => this.entries.has(other));
  }

  private slowDown(): false {
    this.delayMs = Math.min(this.delayMs * 2, maxDelayMs);
    return false;
  }

  private send(entry: Entry): Promise<boolean> {
    const sending = this.acknowledged(entry).finally(() => this.underWay.delete(entry.name));
    this.underWay.set(entry.name, sending);
    return sending;
  }

  private async acknowledged(entry: Entry): Promise<boolean> {
    try {
      await entry.resend();
    } catch {
      return false; // the store has reported its own fault
    }
    // A newer one of the same name, added while this one was on its way, stays.
    if (this.entries.get(entry.name) !== entry) return true;
    if (entry.mayStillArrive !== true || entry.repeatAt !== undefined) this.remove(entry.name);
    else if (this.closed) entry.repeatAt = 0;
    else entry.repeatAt = this.clock.monotonic() + repeatAfterMs;
    return true;
  }

  private async sendClearing(clear: () => Promise<void>): Promise<boolean> {
    try {
      await clear();
      if (this.clearing === clear) this.clearing = undefined;
      return true;
    } catch {
      return false;
    }
  }

  private replaceByClearing(): void {
    this.entries.clear();
    this.bytes = 0;
    this.clearing = () => this.clearAll();
    const message = 'More invalidations wait than memory is there for: everything will be cleared instead.';
    reportFault({ source: this.cache, kind: 'write-unacknowledged', message });
  }

  private remove(name: string): Entry | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    this.entries.delete(name);
    this.bytes -= sizeOf(entry);
    return entry;
  }
}

function sizeOf({ name, shown, after = [] }: Unacknowledged): number {
  return 2 * (name.length + shown.length) + overheadBytes + after.length * bytesPerNameAfter;
}
