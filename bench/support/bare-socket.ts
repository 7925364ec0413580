import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';

/**
 * What no client can be faster than and still check: one write a turn, one promise a read, a checksum over key and bytes, JSON.parse, a frozen value.
 * No deadline, no breaker, no lease, nothing odd is expected.
 */
export class BareSocket {
  private readonly waiting: ((value: unknown) => void)[] = [];
  private unsent = '';
  private left: Buffer | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.read(this.left ? Buffer.concat([this.left, chunk]) : chunk));
  }

  static open(port: number): Promise<BareSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new BareSocket(socket)));
      socket.once('error', reject);
    });
  }

  async get(key: string): Promise<unknown> {
    if (this.unsent === '') process.nextTick(() => this.flush());
    this.unsent += `mg ${key} v\r\n`;
    const bytes = await new Promise<unknown>((resolve) => this.waiting.push(resolve));
    return bytes;
  }

  close(): void {
    this.socket.destroy();
  }

  private flush(): void {
    this.socket.write(this.unsent, 'latin1');
    this.unsent = '';
  }

  private read(chunk: Buffer): void {
    let at = 0;
    this.left = undefined;
    while (at < chunk.length) {
      const lineEnd = chunk.indexOf('\r\n', at);
      const size = lineEnd < 0 ? Infinity : Number(chunk.toString('latin1', at + 3, lineEnd));
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
