import type { Socket } from 'node:net';
import { MemcacheConnection, Status } from 'memcache-client';
import type { MemcacheClient } from 'memcache-client';
import type { ParserPendingData } from 'memcache-parser';
import type { Clock, Timer } from '../../value/clock.js';

/** One reply of the meta protocol: `HD`, `VA`, `EN`, `NS`, `EX` or `NF`, its flags, and the value of a `VA`. */
export interface MetaReply {
  readonly code: string;
  readonly flags: readonly string[];
  readonly value: Buffer | undefined;
}

/** Called once per command: with its reply, or with why there is none. */
export type Answer = (error: Error | undefined, reply: MetaReply | undefined) => void;

interface Waiting {
  readonly answer: Answer;
  readonly sentAt: number;
  /** For `stats`, whose reply is many lines. */
  readonly lines: [string, string][] | undefined;
}

const codes = new Set(['HD', 'EN', 'NS', 'EX', 'NF', 'MN', 'OK', 'VERSION']);
const maxValueBytes = 128 * 2 ** 20;
const silent = (): void => {};
const noLogger = { debug: silent, info: silent, warn: silent, error: silent };

/**
 * memcache-client's connection (1.0.5, pinned), with replies of the meta protocol and without its ways to die: whatever is malformed or was not
 * asked for ends this connection and nothing else, every waiting command is settled when it ends, commands of one turn are written together, and
 * a command is overdue only if its reply has not arrived one turn after its deadline, so that a blocked loop does not throw away replies that are
 * there.
 */
export class MetaConnection extends MemcacheConnection {
  private readonly queue: Waiting[] = [];
  private queueHead = 0;
  private unsent: (string | Uint8Array)[] = [];
  private overdueTimer: Timer | undefined;

  constructor(
    socket: Socket,
    private readonly commandTimeoutMs: number,
    private readonly clock: Clock,
    private readonly onEnd: (connection: MetaConnection) => void,
  ) {
    // What the base class asks of a client and a node, and no more: this connection has neither.
    const options = { cmdTimeout: commandTimeoutMs, noDelay: true, keepAlive: 60_000 };
    super({ _logger: noLogger, socketID: 1, options, emit: () => true } as unknown as MemcacheClient);
    this.socket = socket;
    this._status = Status.READY;
    this._setupConnection(socket);
  }

  /** Sends a command, which ends with CR LF, and its body, if it has one, CR LF included. The answer comes later, never during the call. */
  send(command: string, answer: Answer, body?: Uint8Array): void {
    if (this.unsent.length === 0) process.nextTick(() => this.flush());
    this.unsent.push(command);
    if (body) this.unsent.push(body, crlf);
    this.expect(answer, undefined);
  }

  /** `stats …`: its lines as pairs. */
  stats(command: string, answer: (error: Error | undefined, lines: readonly [string, string][]) => void): void {
    const lines: [string, string][] = [];
    if (this.unsent.length === 0) process.nextTick(() => this.flush());
    this.unsent.push(command);
    this.expect((error) => answer(error, lines), lines);
  }

  /** Settles every waiting command and destroys the socket. */
  end(reason: string): void {
    this._shutdown(reason);
  }

  get waiting(): number {
    return this.queue.length - this.queueHead;
  }

  override onData(data: Buffer | undefined): void {
    try {
      super.onData(data);
    } catch (error) {
      this.end(error instanceof Error ? error.message : 'malformed reply');
    }
  }

  override processCmd(tokens: string[]): number {
    const code = tokens[0] as string;
    if (codes.has(code)) this.settle({ code, flags: tokens.slice(1), value: undefined });
    else if (code === 'VA') this.expectValue(tokens);
    else if (code === 'STAT') this.peek().lines?.push([tokens[1] ?? '', tokens.slice(2).join(' ')]);
    else if (code === 'END' && this.peek().lines) this.settle({ code, flags: [], value: undefined });
    else if (code === 'SERVER_ERROR') this.dequeue().answer(new ServerError(tokens.slice(1).join(' ')), undefined);
    else throw new Error(`unexpected reply ${code.slice(0, 20)}`);
    return 1;
  }

  override receiveResult(pending: ParserPendingData): void {
    const { cmdTokens, data } = pending as unknown as { cmdTokens: string[]; data: Buffer };
    this.settle({ code: 'VA', flags: cmdTokens.slice(2), value: data });
  }

  override malformDataStream(): void {
    throw new Error('a value of another length than announced');
  }

  override malformCommand(): void {
    throw new Error('an empty reply');
  }

  override _shutdown(reason: string): void {
    if (this.isShutdown()) return;
    super._shutdown(reason);
    this.overdueTimer?.cancel();
    this.unsent = [];
    const left = this.queue.splice(0).slice(this.queueHead);
    this.queueHead = 0;
    for (const { answer } of left) answer(new Error(reason), undefined);
    this.onEnd(this);
  }

  private flush(): void {
    const parts = this.unsent;
    const socket = this.socket;
    this.unsent = [];
    if (!socket || parts.length === 0) return;
    if (parts.every((part) => typeof part === 'string')) {
      socket.write(parts.join(''), 'latin1');
      return;
    }
    socket.cork();
    for (const part of parts) {
      if (typeof part === 'string') socket.write(part, 'latin1');
      else socket.write(part);
    }
    socket.uncork();
  }

  private expect(answer: Answer, lines: [string, string][] | undefined): void {
    this.queue.push({ answer, sentAt: this.clock.monotonic(), lines });
    this.overdueTimer ??= this.clock.after(this.commandTimeoutMs, () => this.checkOverdue());
  }

  private peek(): Waiting {
    const waiting = this.queue[this.queueHead];
    if (!waiting) throw new Error('a reply that nobody asked for');
    return waiting;
  }

  private dequeue(): Waiting {
    const waiting = this.peek();
    this.queueHead++;
    // One copy per 1,024 replies instead of one per reply.
    if (this.queueHead === this.queue.length || this.queueHead >= 1_024) {
      this.queue.splice(0, this.queueHead);
      this.queueHead = 0;
    }
    return waiting;
  }

  private settle(reply: MetaReply): void {
    this.dequeue().answer(undefined, reply);
  }

  private expectValue(tokens: string[]): void {
    this.peek();
    const size = Number(tokens[1]);
    if (!/^\d+$/.test(tokens[1] ?? '') || size > maxValueBytes) throw new Error('a value without a length');
    this.initiatePending(tokens, size);
  }

  /** What a blocked loop left unread is read in the poll phase, which comes before the immediate. */
  private checkOverdue(): void {
    setImmediate(() => {
      this.overdueTimer = undefined;
      const head = this.queue[this.queueHead];
      if (!head || this.isShutdown()) return;
      const overdueInMs = head.sentAt + this.commandTimeoutMs - this.clock.monotonic();
      if (overdueInMs <= 0) this.end(`no answer within ${this.commandTimeoutMs} ms`);
      else this.overdueTimer = this.clock.after(overdueInMs, () => this.checkOverdue());
    });
  }
}

/** The server understood and can't: it says why. The connection goes on. */
export class ServerError extends Error {}

const crlf = Buffer.from('\r\n');
