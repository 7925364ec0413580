import { MemcacheConnection, Status } from 'memcache-client';
import type { MemcacheClient } from 'memcache-client';
import type { ParserPendingData } from 'memcache-parser';
import type { Clock, Timer } from '../../value/clock.js';
import { nextTick, setImmediate } from '../../value/turn.js';
import type { ItemAsk } from '../item-ask.js';
import type { Command } from './conversation.js';
import { firstRoom, growFor } from '../growing-value.js';
import type { Line } from './line.js';
import { isBareMiss, readReplyAt, replyOf, ReplyInChunk } from './meta-reply.js';
import { printable, RefusalError, ServerError } from './server-error.js';
import { Turn } from './turn.js';
import { tellWaiting, WaitingCommands } from './waiting-commands.js';
import type { Answer, Refusal, Waiting } from './waiting-commands.js';
import type { Part } from './write-parts.js';

const metaCodes = new Set(['HD', 'EN', 'NS', 'EX', 'NF']);
const classicCodes = new Set(['STORED', 'NOT_STORED', 'EXISTS', 'NOT_FOUND']);
const classicOpaque = -1; // of a command that takes no number
/** A reply's line is shorter by far; more bytes without an end are no reply. */
const maxLineBytes = 512;
/** Far more than can wait at a time, and short on the wire. */
const opaqueNumbers = 100_000;
const silent = (): void => {};
const noLogger = { debug: silent, info: silent, warn: silent, error: silent };

/**
 * memcache-client's connection (1.0.5, pinned), with replies of the meta protocol and without its ways to die: whatever is malformed or was not
 * asked for ends this connection and nothing else, every reply must repeat its command's number, so that a reply too many can't answer another
 * command, every waiting command is settled when it ends, commands of one turn are written together, and a command is overdue only when the loop
 * has read all that had arrived, so that a blocked loop does not throw away replies that are there.
 */
export class MetaConnection extends MemcacheConnection {
  private readonly waiting = new WaitingCommands();
  private unsent: Part[] = [];
  private overdueTimer: Timer | undefined;
  private lastOpaque = 0;
  private turn = new Turn();
  private arrivals = 0;
  private announcedBytes = 0;

  /**
   * @param session what the revisions that it hands out are worth: see `Revision`.
   * @param maxValueBytes a value of more is nonsense.
   */
  constructor(
    private readonly line: Line,
    readonly session: number,
    readonly maxValueBytes: () => number,
    private readonly commandTimeoutMs: number,
    private readonly clock: Clock,
    private readonly onEnd: (connection: MetaConnection) => void,
  ) {
    // What the base class asks of a client and a node, and no more: this connection has neither.
    const options = { cmdTimeout: commandTimeoutMs, noDelay: true, keepAlive: 60_000 };
    super({ _logger: noLogger, socketID: 1, options, emit: () => true } as unknown as MemcacheClient);
    this.socket = line.socket;
    this._status = Status.READY;
    this._setupConnection(line.socket);
    // Only a command that waits keeps the process alive: a start that fails closes nothing, and has to end.
    line.socket.unref();
  }

  /** Sends a command. The answer comes later, never during the call. @param index given back to `answer`. */
  send({ line, body, isClassic }: Command, answer: Answer, index = 0): void {
    const opaque = isClassic ? classicOpaque : this.nextOpaque();
    if (!this.expect(answer, index, undefined, undefined, opaque, undefined, line.startsWith('mg '))) return;
    this.unsent.push(isClassic ? `${line}\r\n` : `${line} O${opaque}\r\n`);
    if (body) this.unsent.push(body, crlf);
  }

  /** As `send`, answered into the question itself, which may come from a chunk of the socket. */
  ask(question: ItemAsk, line: string, refuse: Refusal): void {
    const opaque = this.nextOpaque();
    if (this.expect(undefined, 0, question, refuse, opaque, undefined, true))
      this.unsent.push(`${line} O${opaque}\r\n`);
  }

  /** `version`: the answer's first word. */
  version(answer: Answer): void {
    if (this.expect(answer, 0, undefined, undefined, 0, undefined)) this.unsent.push('version\r\n');
  }

  /** `stats …`: its lines as pairs. */
  stats(command: string, answer: (error: Error | undefined, lines: readonly [string, string][]) => void): void {
    const lines: [string, string][] = [];
    const answerLines: Answer = (error) => answer(error, lines);
    if (this.expect(answerLines, 0, undefined, undefined, 0, lines)) this.unsent.push(`${command}\r\n`);
  }

  /** Settles every waiting command, with one error for all, and destroys the socket. */
  end(reason: string): void {
    this._shutdown(reason);
  }

  override onData(data: Buffer | undefined): void {
    this.arrivals++;
    const before = this.waiting.first;
    try {
      for (let left = data; left !== undefined;) {
        // Whole replies are read here; what is cut or odd, one at a time, by the parser of memcache-client.
        left = this.isBetweenReplies() ? this.settleWhole(left) : left;
        if (left) left = this._processData(left);
      }
      // The chunk is another's after the call.
      if (this._partialData !== undefined) this._partialData = Buffer.from(this._partialData);
      const next = this.waiting.first;
      if (before && next && next !== before) next.turn.goOn(before.turn, this.clock.monotonic(), this.commandTimeoutMs);
    } catch (error) {
      this._shutdown(error instanceof Error ? error.message : 'a malformed reply', false, error);
    }
  }

  private isBetweenReplies(): boolean {
    return this._pending === undefined && this._partialData === undefined;
  }

  /** @returns what follows the last of them. */
  private settleWhole(chunk: Buffer): Buffer | undefined {
    let at = 0;
    for (let waiting = this.waiting.first; waiting !== undefined; waiting = this.waiting.first) {
      // A question is told of its item and keeps no reply.
      const keeps = waiting.question === undefined;
      const reply = keeps ? new ReplyInChunk() : passingReply;
      const end = readReplyAt(chunk, at, reply);
      if (end === 0 || reply.opaque !== waiting.opaque) break;
      at = end;
      this.settle(keeps ? reply.keep() : reply);
    }
    return at === 0 ? chunk : at === chunk.length ? undefined : chunk.subarray(at);
  }

  /** The parser's own drops a long line without a word, and prints each reply into a log that nobody keeps. */
  override _parseCmd(data: Buffer): Buffer | undefined {
    const end = data.indexOf(crlf, this._cmdBrkLookupOffset);
    if ((end < 0 ? data.length : end) > maxLineBytes) throw new Error('an endless line');
    if (end < 0) {
      this._partialData = data;
      this._cmdBrkLookupOffset = Math.max(0, data.length - 1);
      return undefined;
    }
    this._cmdBrkLookupOffset = 0;
    const tokens = data.toString('latin1', 0, end).split(' ');
    const rest = data.length === end + 2 ? undefined : data.subarray(end + 2);
    this.processCmd(tokens);
    return rest && this._pending ? this._copyPending(rest) : rest;
  }

  override initiatePending(cmdTokens: string[], length: number): void {
    this.announcedBytes = length;
    super.initiatePending(cmdTokens, firstRoom(length));
  }

  override _copyPending(data: Buffer | undefined): Buffer | undefined {
    if (data && this._pending) growFor(this._pending, data.length, this.announcedBytes);
    return super._copyPending(data);
  }

  override processCmd(tokens: string[]): number {
    const [code = '', ...words] = tokens;
    const { opaque, lines } = this.waiting.peek();
    if (code === 'VA') this.expectValue(tokens);
    else if (code.endsWith('_ERROR') || code === 'ERROR') this.fail(tokens);
    else if (opaque > 0 && metaCodes.has(code)) this.settle(replyOf(tokens, undefined));
    else if (opaque === classicOpaque && classicCodes.has(code)) this.settle(replyOf([code], undefined));
    else if (opaque === 0 && code === 'VERSION' && !lines) this.settle(replyOf(tokens, undefined));
    else if (lines && code === 'STAT' && lines.length < 1_000) lines.push([words[0] ?? '', words.slice(1).join(' ')]);
    else if (lines && code === 'END') this.settle(replyOf(tokens, undefined));
    else throw new Error('an unexpected reply');
    return 1;
  }

  override receiveResult(pending: ParserPendingData): void {
    const { cmdTokens, data } = pending as unknown as { cmdTokens: string[]; data: Buffer };
    const [code = '', , ...flags] = cmdTokens;
    this.settle(replyOf([code, ...flags], data));
  }

  override malformDataStream(): void {
    throw new Error('a value of another length than announced');
  }

  override _shutdown(reason: string, _keepSocket?: boolean, cause?: unknown): void {
    if (this.isShutdown()) return;
    const isAwaited = !this.waiting.isEmpty;
    // The base class would begin to close the socket in order, and one that is being closed so can't be cut.
    if (isAwaited) this.socket = undefined;
    super._shutdown(reason);
    if (isAwaited) this.line.cut();
    this.overdueTimer?.cancel();
    this.unsent = [];
    const left = this.waiting.drain();
    // One object for all: one cut connection is one failure, however many commands were under way.
    const failure = cause instanceof RefusalError ? cause : new Error(reason);
    for (const waiting of left) tellWaiting(waiting, failure, undefined);
    this.onEnd(this);
  }

  private readonly flushTurn = (): void => this.flush();

  private flush(): void {
    const parts = this.unsent;
    this.unsent = [];
    if (!this.socket || parts.length === 0) return;
    this.turn.leave(this.clock.monotonic());
    this.turn = new Turn();
    if (!this.overdueTimer) this.checkOverdueAfter(this.commandTimeoutMs);
    this.line.write(parts);
  }

  /** False: the connection has ended, and the answer will say so. */
  private expect(
    answer: Answer | undefined,
    index: number,
    question: ItemAsk | undefined,
    refuse: Refusal | undefined,
    opaque: number,
    lines: [string, string][] | undefined,
    mayMiss = false,
  ): boolean {
    const waiting: Waiting = { answer, index, question, refuse, turn: this.turn, opaque, lines, mayMiss };
    if (this.isShutdown()) {
      nextTick(() => tellWaiting(waiting, new Error('the connection has ended'), undefined));
      return false;
    }
    if (this.unsent.length === 0) nextTick(this.flushTurn);
    if (this.waiting.isEmpty) this.socket?.ref();
    this.waiting.push(waiting);
    return true;
  }

  private dequeue(): Waiting {
    const waiting = this.waiting.shift();
    if (this.waiting.isEmpty) this.socket?.unref();
    return waiting;
  }

  private nextOpaque(): number {
    return (this.lastOpaque = (this.lastOpaque % opaqueNumbers) + 1);
  }

  private settle(reply: ReplyInChunk): void {
    const { opaque, mayMiss } = this.waiting.peek();
    if (opaque > 0 && reply.opaque !== opaque && !(mayMiss && isBareMiss(reply)))
      throw new Error('a reply to another command');
    reply.session = this.session;
    tellWaiting(this.dequeue(), undefined, reply);
  }

  /** The server understood, and can't or won't: it says why, and the connection goes on. Anything else it did not understand. */
  private fail([code, ...words]: string[]): void {
    const reason = words.join(' ');
    const goesOn = code === 'SERVER_ERROR' || reason.startsWith('cannot increment');
    if (!goesOn) throw new RefusalError(`it said ${printable(`${code} ${reason}`)}`);
    tellWaiting(this.dequeue(), new ServerError(reason), undefined);
  }

  private expectValue(tokens: string[]): void {
    const size = Number(tokens[1]);
    if (!/^\d{1,10}$/.test(tokens[1] ?? '') || size > this.maxValueBytes()) throw new Error('a value without a length');
    if (!tokens.includes(`O${this.waiting.peek().opaque}`, 2)) throw new Error('a value for another command');
    this.initiatePending(tokens, size);
  }

  private checkOverdueAfter(delayMs: number): void {
    const dueAt = this.clock.monotonic() + delayMs;
    this.overdueTimer = this.clock.after(delayMs, () => this.checkOverdue(this.clock.monotonic() - dueAt));
  }

  /**
   * What a blocked loop left unread is read in the poll phase, which comes before the immediate, and by at most 8 MiB per turn: as long as each turn brings
   * something, nobody is overdue. What found no room meanwhile the server sends once there is room again: it has as long for that as for an answer.
   *
   * @param lateMs by how much the timer was late: so long the loop was blocked.
   */
  private checkOverdue(lateMs: number): void {
    const { arrivals } = this;
    setImmediate(() => {
      this.overdueTimer = undefined;
      const head = this.waiting.first;
      if (!head || this.isShutdown()) return;
      // Not written yet: its turn's end sets the timer.
      if (!head.turn.hasLeft) return;
      const overdueInMs = head.turn.leftMs(this.clock.monotonic(), this.commandTimeoutMs);
      if (overdueInMs > 0) this.checkOverdueAfter(overdueInMs);
      else if (this.arrivals === arrivals) this.end(head.turn.reason(this.commandTimeoutMs));
      else if (lateMs > blockedMs) this.checkOverdueAfter(this.commandTimeoutMs);
      else this.checkOverdue(lateMs);
    });
  }
}

/** A timer that is late by more than this was kept by a loop that was blocked. */
const blockedMs = 50;
const crlf = Buffer.from('\r\n');
/** What a question was told last: it is used up before the next is read. */
const passingReply = new ReplyInChunk();
