import { Writable } from 'node:stream';
import { expect, it } from '@jest/globals';
import type { RedisArgument } from '../../../src/store/redis/driver/redis-driver.js';
import { UnsentCommands } from '../../../src/store/redis/driver/unsent-commands.js';

/** What is written, write by write. */
class Written extends Writable {
  readonly chunks: Buffer[] = [];
  writes = 0;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.writes++;
    this.chunks.push(...chunks.map(({ chunk }) => chunk));
    done();
  }
}

function written(...commands: readonly (readonly RedisArgument[])[]): Written {
  const unsent = new UnsentCommands();
  for (const command of commands) unsent.add(command);
  const stream = new Written();
  expect(unsent.isEmpty).toBe(false);
  unsent.writeTo(stream);
  expect(unsent.isEmpty).toBe(true);
  return stream;
}

const latin1 = ({ chunks }: Written): string => Buffer.concat(chunks).toString('latin1');
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

it.each<[string, RedisArgument[], string]>([
  ['texts', ['GET', 'k'], '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'],
  ['an empty text, and no bytes', ['SET', '', Buffer.alloc(0)], '*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n'],
  ['line ends', ['SET', 'a\r\nb', Buffer.from('\r\n')], '*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n\r\n\r\n'],
  ['a text of other than ASCII', ['GET', 'ü€😀'], `*2\r\n$3\r\nGET\r\n$9\r\n${utf8('ü€😀')}\r\n`],
  ['half a character', ['GET', '\ud83d'], `*2\r\n$3\r\nGET\r\n$3\r\n${utf8('\ufffd')}\r\n`],
  ['bytes', ['SET', Buffer.from([0, 255]), 'x'], '*3\r\n$3\r\nSET\r\n$2\r\n\0\xff\r\n$1\r\nx\r\n'],
])('Sizes on the wire are in bytes: %s', (_, command, wire) => {
  expect(latin1(written(command))).toBe(wire);
});

it('Commands of one turn leave in one write, in their order', () => {
  const stream = written(['GET', 'a'], ['SET', 'b', Buffer.from('x')], ['GET', 'ü'], ['PING']);
  expect(stream.writes).toBe(1);
  expect(latin1(stream).match(/GET|SET|PING/g)).toEqual(['GET', 'SET', 'GET', 'PING']);
});

it('A large value is written as it is, not copied', () => {
  const large = Buffer.alloc(100_000, 'x');
  const stream = written(['SET', 'k', large], ['PING']);
  expect(stream.writes).toBe(1);
  expect(stream.chunks.some((chunk) => chunk.buffer === large.buffer && chunk.length === large.length)).toBe(true);
});
