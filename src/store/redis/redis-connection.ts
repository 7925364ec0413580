import type { Clock, Timer } from '../../value/clock.js';
import type { StoreUnavailableError } from '../../value/errors.js';
import { nextTick, setImmediate } from '../../value/turn.js';
import type { ItemsTaker, LinkAnswer, RedisArgument, RedisLink, RedisReply } from './driver/redis-driver.js';
import type { RedisIdentity } from './redis-identity.js';
import { RedisServerError, redisUnavailable } from './redis-server-error.js';
import type { TimeSample } from './server-time.js';

/**
 * Called once per command: with its reply, or with why there is none: RedisServerError, the server's own words, or StoreUnavailableError. The cause of the latter
 * is the RedisServerError of this command that has ended the connection, where that is what happened.
 */
export type RedisAnswer = (error: Error | undefined, reply: RedisReply) => void;

/** Commands that were sent between two looks. */
interface Turn {
  /** The look before the last answer to any of them, or before the last item of one: until the next one the server has as long as for the first. */
  look: number;
  /** The look before one of them was the next to be answered. */
  first?: number;
}

interface Waiting {
  readonly args: readonly RedisArgument[];
  readonly answer: RedisAnswer;
  readonly items: ItemsTaker | undefined;
  readonly bytes: number;
  readonly turn: Turn;
  /** The look before it was written. */
  look: number;
  isSettled: boolean;
  /** What the server said of it, where that ends the connection. */
  refusal?: RedisServerError;
}

export interface RedisConnectionSettings {
  /** For people: `redis 127.0.0.1:6379`. No user, no password. */
  readonly name: string;
  /** How long a written command may take. */
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  /** Called once, when it can no longer be used. */
  readonly onEnd?: (connection: RedisConnection, reason: string) => void;
}

/**
 * What may be on its way at a time: more waits here, and no deadline runs for it yet. It is little enough for a server in good health to answer long before
 * the deadline, and enough to keep it busy at a millisecond of latency.
 */
const inFlight = { commands: 512, bytes: 256 * 2 ** 10 };

/** A look costs a timer, and no command reads a clock: a written one is overdue when so many looks, and the rest of the one before, were in vain. */
const looksPerDeadline = 10;
/** Answers that come one by one, each just in time, end here. */
const deadlinesInARow = 20;

/** The server holds other data than a primary: it goes on answering, and must not be believed. */
const endsConnection = new Set(['READONLY', 'MASTERDOWN', 'NOAUTH', 'WRONGPASS']);

/**
 * One link to one server, under our own deadline. No deadline of a driver is relied on: every one of them has a case in which a command never settles.
 *
 * Commands are answered in their order. A written command that is not answered in time ends the connection, which resets its socket and settles all
 * that wait; a command that waits to be written fails with the connection. What has arrived and was not read yet, because the process was busy, is not
 * the server's failure: a time in which the process does not look counts as one look, and as long as each turn of the loop brings bytes, no command is overdue.
 */
export class RedisConnection {
  /** Who answers. Set once the server has been asked. */
  identity: RedisIdentity | undefined;
  /** What its clock said then. */
  time: TimeSample | undefined;
  /** Digests of the scripts that were sent whole over it: what follows on it finds them. */
  readonly scripts = new Set<string>();
  private readonly sent: Waiting[] = [];
  private queued: Waiting[] = [];
  private urgent: Waiting[] = [];
  private bytesInFlight = 0;
  private looks = 0;
  private turn: Turn = { look: 0 };
  private overdueTimer: Timer | undefined;
  private endReason: string | undefined;
  private isPumpDue = false;

  constructor(
    private readonly link: RedisLink,
    private readonly settings: RedisConnectionSettings,
  ) {
    // Only a command that waits keeps the process alive: a start that fails closes nothing, and has to end.
    link.unref();
  }

  get hasEnded(): boolean {
    return this.endReason !== undefined;
  }

  /** Commands without an answer. */
  get waitingCommands(): number {
    return this.sent.length + this.queued.length + this.urgent.length;
  }

  /**
   * Sends one command. The answer comes later, never during the call.
   * @param isUrgent ahead of what still waits to be written.
   * @param items see `RedisLink.send`. It is told of nothing once the command is answered.
   */
  send(args: readonly RedisArgument[], answer: RedisAnswer, isUrgent = false, items?: ItemsTaker): void {
    if (this.endReason !== undefined) {
      nextTick(answer, this.unavailable(this.endReason), null);
      return;
    }
    const { turn } = this;
    const waiting: Waiting = { args, answer, items, turn, bytes: bytesOf(args), look: 0, isSettled: false };
    if (this.queued.length === 0 && this.urgent.length === 0 && this.hasRoom) return this.write(waiting);
    (isUrgent ? this.urgent : this.queued).push(waiting);
    if (this.isPumpDue) return;
    this.isPumpDue = true;
    nextTick(() => this.pump());
  }

  /** As `send`, as a promise. @throws RedisServerError, StoreUnavailableError */
  ask(args: readonly RedisArgument[], isUrgent = false): Promise<RedisReply> {
    return new Promise((resolve, reject) => {
      this.send(args, (error, reply) => (error ? reject(error) : resolve(reply)), isUrgent);
    });
  }

  /** Listens to a channel; resolves when the server has confirmed it. @throws RedisServerError, StoreUnavailableError */
  subscribe(channel: string, sharded: boolean, listener: (message: Buffer) => void): Promise<void> {
    return this.confirmed('subscription', () => this.link.subscribe(channel, sharded, listener));
  }

  /** @throws RedisServerError, StoreUnavailableError */
  unsubscribe(channel: string, sharded: boolean): Promise<void> {
    return this.confirmed('end of a subscription', () => this.link.unsubscribe(channel, sharded));
  }

  private async confirmed(what: string, send: () => Promise<void>): Promise<void> {
    const { clock, commandTimeoutMs } = this.settings;
    const timer = clock.after(commandTimeoutMs, () => {
      setImmediate(() => !isConfirmed && this.end(`no ${what} within ${commandTimeoutMs} ms`));
    });
    let isConfirmed = false;
    try {
      if (this.endReason === undefined) await send();
      isConfirmed = true;
    } catch (error) {
      if (error instanceof RedisServerError) throw error;
      this.end(error instanceof Error ? error.message : `no ${what}`);
    } finally {
      timer.cancel();
    }
    if (this.endReason !== undefined) throw this.unavailable(this.endReason);
  }

  /** Resets the socket and settles every waiting command. */
  end(reason: string): void {
    if (this.endReason !== undefined) return;
    this.link.reset();
    this.hasLost(reason);
  }

  /** What the link's `onEnd` calls: it has ended by itself. */
  hasLost(reason: string): void {
    if (this.endReason !== undefined) return;
    this.endReason = reason;
    this.overdueTimer?.cancel();
    const left = [...this.sent.splice(0), ...this.urgent.splice(0), ...this.queued.splice(0)];
    const error = this.unavailable(reason);
    for (const waiting of left) {
      const { refusal } = waiting;
      this.settle(waiting, refusal ? this.unavailable(reason, refusal) : error, null);
    }
    this.settings.onEnd?.(this, reason);
  }

  unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return redisUnavailable(this.settings.name, problem, { cause });
  }

  /** Writes what may be on its way. */
  private pump(): void {
    this.isPumpDue = false;
    let next = 0;
    while (!this.hasEnded && this.urgent.length > 0 && this.hasRoom) this.write(this.urgent.shift() as Waiting);
    while (!this.hasEnded && next < this.queued.length && this.hasRoom) this.write(this.queued[next++] as Waiting);
    if (next > 0) this.queued = this.queued.slice(next);
  }

  private get hasRoom(): boolean {
    const { length } = this.sent;
    return length === 0 || (length < inFlight.commands && this.bytesInFlight < inFlight.bytes);
  }

  private write(waiting: Waiting): void {
    if (this.sent.length === 0) {
      this.link.ref();
      waiting.turn.first ??= this.looks;
    }
    this.sent.push(waiting);
    this.bytesInFlight += waiting.bytes;
    waiting.look = this.looks;
    this.lookLater();
    const answer: LinkAnswer = (error, reply) => {
      if (error === undefined) this.settle(waiting, undefined, reply);
      else this.fail(waiting, error);
    };
    const { items, turn } = waiting;
    const taker: ItemsTaker | undefined = items && {
      take: (bytes, start, end) => {
        turn.look = this.looks;
        items.take(bytes, start, end);
      },
    };
    this.link.send(waiting.args, answer, taker);
  }

  private settle(waiting: Waiting, error: Error | undefined, reply: RedisReply): void {
    if (waiting.isSettled) return;
    waiting.isSettled = true;
    waiting.turn.look = this.looks;
    this.bytesInFlight -= waiting.bytes;
    while (this.sent[0]?.isSettled === true) this.sent.shift();
    // What has waited behind it for longer than a deadline begins now.
    const [next] = this.sent;
    if (next && this.looks - waiting.look > looksPerDeadline) next.turn.look = this.looks;
    if (next) next.turn.first ??= this.looks;
    if (this.sent.length === 0 && !this.hasEnded) this.link.unref();
    if ((this.queued.length > 0 || this.urgent.length > 0) && !this.isPumpDue && !this.hasEnded) {
      this.isPumpDue = true;
      nextTick(() => this.pump());
    }
    waiting.answer(error, reply);
  }

  private fail(waiting: Waiting, error: unknown): void {
    if (error instanceof RedisServerError) {
      if (!endsConnection.has(error.code)) return this.settle(waiting, error, null);
      waiting.refusal = error;
      return this.end(`the server says ${error.code}`);
    }
    this.end(error instanceof Error ? error.message : 'the connection has ended');
  }

  private lookLater(): void {
    const { clock, commandTimeoutMs } = this.settings;
    this.overdueTimer ??= clock.after(commandTimeoutMs / looksPerDeadline, () => {
      this.overdueTimer = undefined;
      this.turn = { look: ++this.looks };
      this.checkOverdue();
    });
  }

  /**
   * What a busy process left unread is read in the poll phase, which comes before the immediate: as long as each turn brings something, no command is
   * overdue.
   */
  private checkOverdue(): void {
    const [head] = this.sent;
    if (!head || this.hasEnded) return;
    const { look, turn } = head;
    const last = Math.max(look, turn.first ?? look) + (deadlinesInARow - 1) * looksPerDeadline;
    const since = Math.min(Math.max(look, turn.look), last);
    if (this.looks - since <= looksPerDeadline) return this.lookLater();
    const arrived = this.link.bytesRead();
    const { commandTimeoutMs: ms } = this.settings;
    setImmediate(() => {
      if (this.hasEnded) return;
      if (head.isSettled || this.link.bytesRead() !== arrived) this.checkOverdue();
      else
        this.end(since < last ? `no answer within ${ms} ms` : `not all answers came within ${deadlinesInARow * ms} ms`);
    });
  }
}

function bytesOf(args: readonly RedisArgument[]): number {
  let bytes = 0;
  for (let index = 0; index < args.length; index++) bytes += (args[index] as RedisArgument).length;
  return bytes;
}
