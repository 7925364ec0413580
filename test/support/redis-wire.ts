import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What a server answers: bulk strings as Buffers, simple strings as strings, errors as instances of RedisReplyError. */
export type WireReply = Buffer | string | number | null | RedisReplyError | WireReply[];

export class RedisReplyError extends Error {}

/**
 * A second handle on a Redis server: RESP2 over one socket, commands in order, nothing clever. For looking underneath what the library does
 * through its drivers.
 */
export class RedisWire {
  private pending: Buffer = Buffer.alloc(0);
  private readonly waiting: { resolve: (reply: WireReply) => void; reject: (error: Error) => void }[] = [];
  private readonly socket: Socket;
  /** Replies that no command waits for, such as messages of a subscription. */
  readonly pushed: WireReply[] = [];

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect(port, host);
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk: Buffer) => this.read(chunk));
    const end = (error: Error): void => {
      for (const { reject } of this.waiting.splice(0)) reject(error);
    };
    this.socket.on('error', end);
    this.socket.on('close', () => end(new Error(`port ${port} closed the connection`)));
  }

  /** Resolves to the reply; rejects where the server answers with an error, or goes away. */
  async command(...args: readonly (string | number | Buffer)[]): Promise<WireReply> {
    const reply = await new Promise<WireReply>((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error('the connection is closed'));
      this.waiting.push({ resolve, reject });
      this.socket.write(encode(args));
    });
    if (reply instanceof RedisReplyError) throw reply;
    return reply;
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.pending = this.pending.length > 0 ? Buffer.concat([this.pending, chunk]) : chunk;
    for (;;) {
      const parsed = parse(this.pending, 0);
      if (!parsed) return;
      this.pending = this.pending.subarray(parsed.end);
      const next = this.waiting.shift();
      if (next) next.resolve(parsed.reply);
      else this.pushed.push(parsed.reply);
    }
  }
}

function encode(args: readonly (string | number | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

function parse(bytes: Buffer, at: number): { reply: WireReply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case '+':
      return { reply: line, end };
    case '-':
      return { reply: new RedisReplyError(line), end };
    case ':':
      return { reply: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { reply: null, end };
      if (bytes.length < end + length + 2) return undefined;
      return { reply: Buffer.from(bytes.subarray(end, end + length)), end: end + length + 2 };
    }
    case '*': {
      const count = Number(line);
      if (count < 0) return { reply: null, end };
      const replies: WireReply[] = [];
      let next = end;
      for (let index = 0; index < count; index++) {
        const item = parse(bytes, next);
        if (!item) return undefined;
        replies.push(item.reply);
        next = item.end;
      }
      return { reply: replies, end: next };
    }
    default:
      throw new Error(`no reply of RESP2: ${bytes.toString('latin1', at, at + 40)}`);
  }
}
