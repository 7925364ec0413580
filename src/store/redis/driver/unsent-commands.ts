import type { Writable } from 'node:stream';
import type { RedisArgument } from './redis-driver.js';

/** More bytes are handed to the socket as they are: copying them into the text costs more than a chunk of their own. */
const largeBytes = 4_096;

/** Commands of one turn, as RESP2 has them: they leave in one write. */
export class UnsentCommands {
  /** A character of a text is a byte. */
  private parts: (string | Buffer)[] = [];
  /** What follows them. */
  private text = '';

  get isEmpty(): boolean {
    return this.text === '';
  }

  add(args: readonly RedisArgument[]): void {
    let text = `${this.text}*${args.length}\r\n`;
    for (const arg of args) {
      if (typeof arg === 'string' && Buffer.byteLength(arg) === arg.length) {
        text += `$${arg.length}\r\n${arg}\r\n`;
        continue;
      }
      const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg;
      if (bytes.length <= largeBytes) {
        text += `$${bytes.length}\r\n${bytes.toString('latin1')}\r\n`;
        continue;
      }
      this.parts.push(`${text}$${bytes.length}\r\n`, bytes);
      text = '\r\n';
    }
    this.text = text;
  }

  writeTo(stream: Writable): void {
    const { parts, text } = this;
    this.clear();
    if (parts.length > 0) stream.cork();
    for (const part of parts) stream.write(part, 'latin1');
    stream.write(text, 'latin1');
    if (parts.length > 0) stream.uncork();
  }

  clear(): void {
    this.parts = [];
    this.text = '';
  }
}
