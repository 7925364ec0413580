import type { Socket } from 'node:net';
import { resetSocket } from '../../reset-socket.js';
import { itemsOf, textOf } from '../redis-reply.js';
import { RedisServerError } from '../redis-server-error.js';
import { nextTick } from '../../../value/turn.js';
import { MalformedReplyError } from './malformed-reply-error.js';
import { reasonOf } from './read-reply.js';
import type { ItemsTaker, LinkAnswer, RedisArgument, RedisLink, RedisReply } from './redis-driver.js';
import { ReplyReader } from './reply-reader.js';
import { UnsentCommands } from './unsent-commands.js';

type Listener = (message: Buffer) => void;

interface Waiting {
  readonly answer: LinkAnswer;
  readonly items: ItemsTaker | undefined;
}

/** One socket that speaks RESP2. Replies are given to the commands in their order. */
export class WireLink implements RedisLink {
  /** Called once, when the link has ended by itself. */
  onEnd: ((reason: string) => void) | undefined;
  private readonly reader = new ReplyReader(
    (reply) => this.take(reply),
    () => this.waiting[0]?.items,
  );
  private readonly unsent = new UnsentCommands();
  private readonly waiting: Waiting[] = [];
  private endReason: string | undefined;
  private tcpSocket: Socket | undefined;
  private stream: Socket | undefined;
  private readonly listeners = { message: new Map<string, Listener>(), smessage: new Map<string, Listener>() };
  private readonly leaving = new Set<string>();
  private isListening = false;

  /** @throws Error: it has ended, and why. */
  assertOpen(): void {
    if (this.endReason !== undefined) throw new Error(this.endReason);
  }

  /** @param stream what is written to: the socket, or the TLS over it. What comes from it is handed to `read`. */
  speakOver(tcpSocket: Socket, stream: Socket): void {
    this.tcpSocket = tcpSocket;
    this.stream = stream;
    stream.on('error', (error) => this.end(reasonOf(error)));
    stream.on('close', () => this.end('the connection was closed'));
    if (stream.destroyed) this.end('the connection was closed');
  }

  /** @param size how much of the chunk has come. The chunk may be written over after. */
  read(chunk: Buffer, size: number): void {
    try {
      this.reader.read(chunk, size);
    } catch (error) {
      // What an answer threw may quote a value.
      this.end(error instanceof MalformedReplyError ? error.message : 'a reply could not be taken');
    }
  }

  send(args: readonly RedisArgument[], answer: LinkAnswer, items?: ItemsTaker): void {
    if (this.endReason !== undefined) {
      nextTick(answer, new Error(this.endReason), null);
      return;
    }
    if (this.unsent.isEmpty && items === undefined) nextTick(this.flush);
    this.unsent.add(args);
    this.waiting.push({ answer, items });
    // It has gathered what was wanted in its turn: what follows, and who waits for it, is later.
    if (items !== undefined) this.flush();
  }

  async subscribe(channel: string, sharded: boolean, listener: Listener): Promise<void> {
    const { listeners } = this;
    (sharded ? listeners.smessage : listeners.message).set(channel, listener);
    await this.agree(sharded ? 'ssubscribe' : 'subscribe', channel);
  }

  async unsubscribe(channel: string, sharded: boolean): Promise<void> {
    const { listeners } = this;
    (sharded ? listeners.smessage : listeners.message).delete(channel);
    if (sharded) this.leaving.add(channel);
    await this.agree(sharded ? 'sunsubscribe' : 'unsubscribe', channel);
  }

  bytesRead(): number {
    return this.tcpSocket?.bytesRead ?? 0;
  }

  ref(): void {
    this.tcpSocket?.ref();
  }

  unref(): void {
    this.tcpSocket?.unref();
  }

  reset(): void {
    this.onEnd = undefined;
    this.end('the connection was given up');
  }

  private end(reason: string): void {
    if (this.endReason !== undefined) return;
    this.endReason = reason;
    this.reader.stop();
    this.unsent.clear();
    resetSocket(this.tcpSocket);
    this.stream?.destroy();
    const left = this.waiting.splice(0);
    const error = new Error(reason);
    for (const { answer } of left) nextTick(answer, error, null);
    this.onEnd?.(reason);
  }

  private readonly flush = (): void => {
    if (this.stream && !this.unsent.isEmpty) this.unsent.writeTo(this.stream);
  };

  private take(reply: RedisReply): void {
    if (this.isListening && this.hear(reply)) return;
    const waiting = this.waiting.shift();
    if (!waiting) throw new MalformedReplyError('it sent a reply that nobody had asked for');
    if (reply instanceof RedisServerError) waiting.answer(reply, null);
    else waiting.answer(undefined, reply);
  }

  /** Whether it came by itself: the message of a channel, or that a channel has gone to another server with its slot. */
  private hear(reply: RedisReply): boolean {
    const [kind, channel, message] = itemsOf(reply) ?? [];
    const word = textOf(kind);
    const name = textOf(channel) ?? '';
    if ((word === 'message' || word === 'smessage') && Buffer.isBuffer(message)) {
      this.listeners[word].get(name)?.(message);
      return true;
    }
    if (word !== 'sunsubscribe' || this.leaving.delete(name)) return false;
    this.end('it has ended a subscription');
    return true;
  }

  /** Resolves when the server has confirmed it. */
  private agree(verb: string, channel: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.send([verb.toUpperCase(), channel], (error, reply) => {
        if (error) reject(error);
        else if (textOf(itemsOf(reply)?.[0]) !== verb) reject(new MalformedReplyError('a reply to another command'));
        else resolve();
        // Messages may be right behind it.
        this.isListening = true;
      });
    });
  }
}
