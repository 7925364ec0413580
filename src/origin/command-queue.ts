import type { Clock, Timer } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { setImmediate } from '../value/turn.js';

interface Waiting {
  readonly commands: number;
  readonly isUrgent: boolean;
  /** The look before it came. */
  readonly since: number;
  readonly start: () => void;
  readonly giveUp: (error: StoreUnavailableError) => void;
}

/** A process that was busy has not listened: however long it was, that counts as one look. */
const looksPerPatience = 10;

/**
 * Commands of one shard take turns. As long as the shard answers, whoever waits goes on waiting; when it has answered nothing for a deadline,
 * whoever waits is told so.
 *
 * Urgent ones go first, and room is given away once all that an answer sets off has been asked for. A lease stands for three seconds:
 *
 * 1. thousands of keys are looked up at once, and the first of them win leases; 2. if their fills went behind all look-ups, these would win leases first, and
 * the process would load all keys before it stored one.
 */
export class CommandQueue {
  private pending = 0;
  private waiting: Waiting[] = [];
  /** Those before it have started. */
  private head = 0;
  /** Of those who wait: they are the first. */
  private urgent = 0;
  private isAdmitting = false;
  private looks = 0;
  /** The look before the last answer. */
  private answeredAt = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly shard: string,
    private readonly clock: Clock,
    private readonly maxPending: number,
    private readonly patienceMs: number,
    /** Whether something is under way that ends by itself where the shard is silent: until then nobody is told of a silence. */
    private readonly isBusy = (): boolean => false,
  ) {}

  /** Whether these may go at once. A batch that is larger than all turns goes alone. */
  take(commands: number, isUrgent = false): boolean {
    const fits = this.pending === 0 || this.pending + commands <= this.maxPending;
    if (!fits || (isUrgent ? this.urgent > 0 : this.hasWaiting)) return false;
    this.pending += commands;
    return true;
  }

  /** Resolves when it is their turn. @throws StoreUnavailableError */
  wait(commands: number, isUrgent = false): Promise<void> {
    return new Promise((start, giveUp) => {
      const one = { commands, isUrgent, since: this.looks, start, giveUp };
      if (isUrgent) this.waiting.splice(this.head + this.urgent++, 0, one);
      else this.waiting.push(one);
      this.watch();
    });
  }

  answered(commands: number): void {
    this.heard();
    this.gone(commands);
  }

  /** The shard has answered somebody. */
  heard(): void {
    this.answeredAt = this.looks;
  }

  /** They make room, whatever came of them. */
  gone(commands: number): void {
    this.pending -= commands;
    if (!this.hasWaiting || this.isAdmitting) return;
    this.isAdmitting = true;
    setImmediate(() => {
      this.isAdmitting = false;
      this.admit();
    });
  }

  private get hasWaiting(): boolean {
    return this.head < this.waiting.length;
  }

  private admit(): void {
    for (let next = this.waiting[this.head]; next !== undefined; next = this.waiting[this.head]) {
      if (this.pending > 0 && this.pending + next.commands > this.maxPending) break;
      this.pending += next.commands;
      this.head++;
      if (next.isUrgent) this.urgent--;
      next.start();
    }
    // One copy per thousand instead of one per start.
    if (this.head < 1_000 && this.hasWaiting) return;
    this.waiting = this.waiting.slice(this.head);
    this.head = 0;
  }

  private watch(): void {
    this.timer ??= this.clock.after(this.patienceMs / looksPerPatience, () => {
      this.timer = undefined;
      this.looks++;
      const left: Waiting[] = [];
      const isBusy = this.isBusy();
      for (const one of this.waiting.slice(this.head)) {
        if (isBusy || this.looks - Math.max(this.answeredAt, one.since) < looksPerPatience) left.push(one);
        else one.giveUp(new StoreUnavailableError(this.shard, `no answer to anybody within ${this.patienceMs} ms`));
      }
      this.waiting = left;
      this.head = 0;
      this.urgent = left.filter(({ isUrgent }) => isUrgent).length;
      if (left.length > 0) this.watch();
    });
  }
}
