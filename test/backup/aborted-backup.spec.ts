import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisBackup } from '../../src/backup/redis-backup.js';
import type { RedisBackup } from '../../src/backup/redis-backup.js';
import { verifyBackup } from '../../src/backup/verify-backup.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';

describe.each(['strict', 'complete'] as const)('A backup that is aborted, %s,', (mode) => {
  let server: RedisProcess;
  let backup: RedisBackup;
  let spoolFolder: string;
  const reason = new Error('given up');
  beforeAll(async () => {
    server = await startRedis();
    for (let n = 0; n < 80; n++) await server.command('SET', `large:${n}`, randomBytes(100_000));
    backup = redisBackup({ connection: { url: server.url } });
    spoolFolder = mkdtempSync(join(tmpdir(), 'aborted-backup-'));
  });
  afterAll(async () => {
    await backup.close();
    await server.stop();
    rmSync(spoolFolder, { recursive: true, force: true });
  });

  it('rejects with the reason while its stream takes no more, and leaves the stream open', async () => {
    const stream = new PassThrough();
    const given = new AbortController();
    const taking = backup.take(stream, { mode, spoolFolder, signal: given.signal });
    await eventually(() => expect(stream.writableNeedDrain).toBe(true));
    given.abort(reason);
    await expect(taking).rejects.toBe(reason);
    expect([stream.destroyed, readdirSync(spoolFolder)]).toEqual([false, []]);
  });

  it('rejects with the reason while it waits for the end of what it has written', async () => {
    const small = redisBackup({ connection: { url: `${server.url}/1` } });
    await server.command('COPY', 'large:0', 'large:0', 'DB', 1, 'REPLACE');
    const stream = new PassThrough();
    const given = new AbortController();
    const taking = small.take(stream, { mode, spoolFolder, signal: given.signal });
    await eventually(() => expect(stream.writableNeedDrain).toBe(true));
    given.abort(reason);
    await expect(taking).rejects.toBe(reason);
    await small.close();
  });

  it('rejects with the reason where what it is put into hangs, and ends the body', async () => {
    const given = new AbortController();
    let body: PassThrough | undefined;
    const hangs = (its: Readable): Promise<void> => {
      body = its as PassThrough;
      return new Promise(() => {});
    };
    const taking = backup.takeInto(hangs, { mode, spoolFolder, signal: given.signal });
    await eventually(() => expect(body?.writableNeedDrain).toBe(true));
    given.abort(reason);
    await expect(taking).rejects.toBe(reason);
    expect([body?.errored, readdirSync(spoolFolder)]).toEqual([reason, []]);
  });

  it('rejects with the reason where what has read the whole of it hangs', async () => {
    const given = new AbortController();
    const taking = backup.takeInto(
      async (body) => {
        await finished(body.resume());
        given.abort(reason);
        return new Promise<void>(() => {});
      },
      { mode, spoolFolder, signal: given.signal },
    );
    await expect(taking).rejects.toBe(reason);
  });

  it('leaves no object', async () => {
    const objects = memoryObjectStore();
    const given = new AbortController();
    const onProgress = (): void => given.abort(reason);
    let putting: Promise<unknown> | undefined;
    const put = (body: Readable): Promise<unknown> => (putting = objects.put('aborted', body));
    await expect(backup.takeInto(put, { mode, spoolFolder, onProgress, signal: given.signal })).rejects.toBe(reason);
    await expect(putting).rejects.toBe(reason);
    expect(await objects.head('aborted')).toBe(undefined);
  });
});

describe('A restore that is aborted', () => {
  let server: RedisProcess;
  let backup: RedisBackup;
  let bytes: Buffer;
  const reason = new Error('given up');
  beforeAll(async () => {
    server = await startRedis();
    await server.command('MSET', 'a', '1', 'b', '2');
    backup = redisBackup({ connection: { url: server.url } });
    const stream = new PassThrough();
    await backup.take(stream);
    bytes = stream.read() as Buffer;
  });
  afterAll(async () => {
    await backup.close();
    await server.stop();
  });

  /** Gives all but the last byte, and nothing more; then `given` aborts. */
  const stalling = (given: AbortController): Readable => {
    let isFirst = true;
    return new Readable({
      read() {
        if (isFirst) this.push(bytes.subarray(0, -1));
        else given.abort(reason);
        isFirst = false;
      },
    });
  };
  const sources: [string, (stream: Readable) => AsyncIterable<Uint8Array>][] = [
    ['a stream', (stream) => stream],
    [
      'a generator',
      async function* (stream) {
        yield* stream as AsyncIterable<Uint8Array>;
      },
    ],
  ];

  it.each(sources)('rejects with the reason while %s gives no more to its verification', async (_, sourceOf) => {
    for (const read of [
      (open: () => AsyncIterable<Uint8Array>, signal: AbortSignal) => backup.restore(open, { signal, replace: true }),
      (open: () => AsyncIterable<Uint8Array>, signal: AbortSignal) => verifyBackup(open(), { signal }),
    ]) {
      const given = new AbortController();
      await expect(read(() => sourceOf(stalling(given)), given.signal)).rejects.toBe(reason);
    }
  });

  it.each(sources)('rejects with the reason while %s gives no more for it to restore', async (_, sourceOf) => {
    const given = new AbortController();
    const streams = [Readable.from([bytes]), stalling(given)];
    let opened = 0;
    const open = (): AsyncIterable<Uint8Array> => sourceOf(streams[opened++] as Readable);
    await expect(backup.restore(open, { signal: given.signal, replace: true })).rejects.toBe(reason);
    expect(opened).toBe(2);
  });

  it('destroys the stream that it has read from', async () => {
    const given = new AbortController();
    const stream = stalling(given);
    await expect(verifyBackup(stream, { signal: given.signal })).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
  });
});
