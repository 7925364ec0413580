import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';

/** How each server is asked, and what its answers begin with: a text of so many bytes, none, or nothing but that it was done. */
const dialects = {
  memcached: { get: (key: string) => `mg ${key} v\r\n`, found: 'VA ', absent: 'EN' },
  redis: { get: (key: string) => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`, found: '$', absent: '$-1' },
} as const;

/**
 * What no client can be faster than and still check: one write a turn, one promise a read, a checksum over key and bytes, JSON.parse, a frozen value.
 * No deadline, no breaker, no lease, nothing odd is expected.
 */
export class BareSocket {
  private readonly waiting: ((value: unknown) => void)[] = [];
  private unsent = '';
  private left: Buffer | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly dialect: (typeof dialects)[keyof typeof dialects],
  ) {
    socket.on('data', (chunk: Buffer) => this.read(this.left ? Buffer.concat([this.left, chunk]) : chunk));
  }

  static open(port: number, dialect: keyof typeof dialects): Promise<BareSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () =>
        resolve(new BareSocket(socket, dialects[dialect])),
      );
      socket.once('error', reject);
    });
  }

  /** The value; `undefined` if there is none. */
  get(key: string): Promise<unknown> {
    return this.send(this.dialect.get(key));
  }

  /** Of memcached alone. */
  set(key: string, text: string): Promise<unknown> {
    crc32(text);
    return this.send(`ms ${key} ${text.length}\r\n${text}\r\n`);
  }

  close(): void {
    this.socket.destroy();
  }

  private send(command: string): Promise<unknown> {
    if (this.unsent === '') process.nextTick(() => this.flush());
    this.unsent += command;
    return new Promise<unknown>((resolve) => this.waiting.push(resolve));
  }

  private flush(): void {
    this.socket.write(this.unsent, 'latin1');
    this.unsent = '';
  }

  private read(chunk: Buffer): void {
    const { found, absent } = this.dialect;
    let at = 0;
    this.left = undefined;
    while (at < chunk.length) {
      const lineEnd = chunk.indexOf('\r\n', at);
      const line = lineEnd < 0 ? undefined : chunk.toString('latin1', at, lineEnd);
      if (line !== undefined && (line === absent || !line.startsWith(found))) {
        this.waiting.shift()?.(undefined);
        at = lineEnd + 2;
        continue;
      }
      const size = line === undefined ? Infinity : Number(line.slice(found.length));
      const end = lineEnd + 2 + size + 2;
      if (end > chunk.length) {
        this.left = chunk.subarray(at);
        return;
      }
      const body = chunk.subarray(lineEnd + 2, end - 2);
      crc32(body, 1);
      this.waiting.shift()?.(Object.freeze(JSON.parse(body.toString()) as unknown));
      at = end;
    }
  }
}
