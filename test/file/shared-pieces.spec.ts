import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { headerBytes } from '../../src/file/file-header.js';
import { SharedPieces } from '../../src/file/shared-pieces.js';
import { FilesBench, patterned } from './support/files-bench.js';

const body = patterned(100_000);
let bench: FilesBench;
let handle: FileHandle;
let pieces: SharedPieces;
beforeEach(async () => {
  bench = new FilesBench();
  handle = await open(join(bench.directory.path, 'file'), 'w+');
  await handle.write(body, 0, body.length, headerBytes);
  pieces = new SharedPieces(handle);
});
afterEach(async () => {
  await handle.close();
  await bench.dispose();
});

describe('Pieces of a file', () => {
  it('are read once by readers at one place', async () => {
    const [one, other] = await Promise.all([pieces.at(10, 100), pieces.at(10, 100)]);
    expect(one?.equals(body.subarray(10, 110))).toBe(true);
    expect(other).toBe(one);
    // More has come since: it goes on as the first reader had it.
    expect(await pieces.at(10, 5_000)).toBe(one);
  });

  it('never reach further than a reader asks', async () => {
    await pieces.at(10, 100);
    expect((await pieces.at(10, 5))?.equals(body.subarray(10, 15))).toBe(true);
  });

  it('are not kept beyond the last few', async () => {
    const first = await pieces.at(0, 10);
    for (let at = 10; at < 200; at += 10) await pieces.at(at, 10);
    const again = await pieces.at(0, 10);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });

  it('that could not be read are tried again', async () => {
    expect(await pieces.at(99_999, 10)).toBeUndefined();
    await handle.write(Buffer.alloc(9, 1), 0, 9, headerBytes + body.length);
    expect(await pieces.at(99_999, 10)).toHaveLength(10);
    const closed = new SharedPieces(
      await open(join(bench.directory.path, 'file'), 'r').then(async (one) => (await one.close(), one)),
    );
    await expect(closed.at(0, 10)).rejects.toThrow();
    await expect(closed.at(0, 10)).rejects.toThrow();
  });
});

describe('Readers of one download', () => {
  it('have bytes of their own, unless they said that they don’t write into them', async () => {
    await bench.objects.put('media/one', body);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const store = bench.counted({ beforePiece: (sent) => (sent >= 64 * 2 ** 10 ? held : undefined) });
    const file = await bench.files({ store }).open({ uid: 'f1', key: 'media/one' });
    expect(file.source).toBe('filling');
    const firstOf = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
      for await (const chunk of stream) return chunk;
      return Buffer.alloc(0);
    };
    const written = (await firstOf(file.stream())).fill(0);
    const own = await firstOf(file.stream());
    expect(own.equals(body.subarray(0, own.length))).toBe(true);
    expect(own.length).toBe(written.length);
    const [one, other] = await Promise.all([firstOf(file.lent()), firstOf(file.lent())]);
    expect(other).toBe(one);
    goOn();
  });
});
