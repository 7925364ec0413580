import type { Writable } from 'node:stream';
import { joinParts } from '../../join-parts.js';
import type { RedisArgument } from './redis-driver.js';

/** Commands of one turn, as RESP2 has them: they leave in one write. */
export class UnsentCommands {
  /** Texts of ASCII, and bytes. */
  private parts: (string | Uint8Array)[] = [];
  /** What follows them, of ASCII. */
  private text = '';

  get isEmpty(): boolean {
    return this.text === '';
  }

  add(args: readonly RedisArgument[]): void {
    let text = `${this.text}*${args.length}\r\n`;
    for (const arg of args) {
      const size = typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length;
      if (typeof arg === 'string' && size === arg.length) {
        text += `$${size}\r\n${arg}\r\n`;
        continue;
      }
      this.parts.push(`${text}$${size}\r\n`, typeof arg === 'string' ? Buffer.from(arg) : arg);
      text = '\r\n';
    }
    this.text = text;
  }

  writeTo(stream: Writable): void {
    const { parts, text } = this;
    this.clear();
    if (parts.length === 0) {
      stream.write(text, 'latin1');
      return;
    }
    stream.cork();
    for (const chunk of joinParts([...parts, text])) stream.write(chunk);
    stream.uncork();
  }

  clear(): void {
    this.parts = [];
    this.text = '';
  }
}
