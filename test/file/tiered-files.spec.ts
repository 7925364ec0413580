import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredFilesOptions } from '../../src/file/tiered-files-options.js';
import { ObjectArchivedError, ObjectDeniedError } from '../../src/object/object-errors.js';
import type { TieredFile } from '../../src/file/tiered-file.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { eventually } from '../support/eventually.js';
import { countedStore } from './support/counted-store.js';
import { recordEvents } from './support/file-events.js';
import { FilesBench, patterned, readAll, sha256Of } from './support/files-bench.js';

let bench: FilesBench;
beforeEach(() => {
  bench = new FilesBench();
});
afterEach(() => bench.dispose());

const content = patterned(3 * 2 ** 20 + 17);
const request = { uid: 'f1', key: 'media/one' };
const put = (bytes: Uint8Array = content, key = request.key) =>
  bench.objects.put(key, bytes, { contentType: 'image/webp' });

describe('A file', () => {
  it('is downloaded once, and read from the disk from then on', async () => {
    const { etag } = await put();
    const store = bench.counted();
    const files = bench.files({ store });
    const cold = await files.open(request);
    expect(cold).toMatchObject({ source: 'filling', size: content.length, etag, contentType: 'image/webp' });
    expect(sha256Of(await readAll(cold))).toBe(sha256Of(content));
    await eventually(() => expect(bench.names()).toMatchObject({ files: [expect.any(String)], parts: [], locks: [] }));
    const warm = await files.open(request);
    expect(warm).toMatchObject({ source: 'disk', size: content.length, etag, contentType: 'image/webp' });
    expect(sha256Of(await readAll(warm))).toBe(sha256Of(content));
    expect(store.reads).toEqual(['all']);
  });

  it('is there after a restart, without a request', async () => {
    await put();
    await readAll(await bench.files().open(request));
    await eventually(() => expect(bench.names().files).toHaveLength(1));
    const store = bench.counted();
    const file = await bench.files({ store }).open(request);
    expect(file.source).toBe('disk');
    expect((await readAll(file)).equals(content)).toBe(true);
    expect([...store.reads, ...store.heads]).toEqual([]);
  });

  it('is downloaded once for fifty readers at once, each of whom gets all of it', async () => {
    await put();
    const store = bench.counted();
    const files = bench.files({ store });
    const read = await Promise.all(Array.from({ length: 50 }, async () => readAll(await files.open(request))));
    expect(read.every((bytes) => bytes.equals(content))).toBe(true);
    expect(store.reads).toEqual(['all']);
  });

  it('of no bytes is a file as well', async () => {
    await put(Buffer.alloc(0));
    const files = bench.files();
    expect(await readAll(await files.open(request))).toHaveLength(0);
    await eventually(async () => expect((await files.open(request)).source).toBe('disk'));
    expect(await readAll(await files.open(request))).toHaveLength(0);
  });

  it('is read in ranges, cold and warm', async () => {
    await put();
    const files = bench.files();
    for (const source of ['filling', 'disk']) {
      const file = await eventually(async () => {
        const found = await files.open(request);
        expect(found.source).toBe(source);
        return found;
      });
      for (const [start, end] of [
        [0, 0],
        [1_048_570, 1_048_590],
        [content.length - 1, content.length - 1],
        [5, 2_500_000],
      ] as const) {
        expect((await readAll(file, { start, end })).equals(content.subarray(start, end + 1))).toBe(true);
      }
      expect((await readAll(file, { start: content.length - 3 })).equals(content.subarray(-3))).toBe(true);
      expect(() => file.stream({ start: content.length })).toThrow(expect.objectContaining({ code: 'OBJECT_RANGE' }));
    }
  });

  it('has the ETag of its row where the row knows one', async () => {
    const { sha256 } = await put();
    const files = bench.files();
    const asked = { ...request, size: content.length, sha256 };
    expect((await files.open(asked)).etag).toBe(`"${sha256}"`);
    await readAll(await files.open(asked));
    await eventually(async () => expect((await files.open(asked)).source).toBe('disk'));
    expect((await files.open(asked)).etag).toBe(`"${sha256}"`);
  });

  it.each([
    ['denied', new ObjectDeniedError(request.key)],
    ['archived', new ObjectArchivedError(request.key)],
  ])('that is %s is asked for once in a while', async (_, refusal) => {
    let reads = 0;
    const store = {
      ...bench.objects,
      open: async () => {
        reads++;
        throw refusal;
      },
    };
    const files = bench.files({ store });
    await expect(files.open(request)).rejects.toBe(refusal);
    await expect(files.open(request)).rejects.toBe(refusal);
    expect(reads).toBe(1);
  });

  it.each<[string, Partial<TieredFilesOptions>]>([
    ['too large to keep', { maxFileBytes: '1mib' }],
    ['not kept as the folder can’t be used', { directory: '/dev/null/files' }],
  ])('that is archived and %s is refused once its first reader was', async (_, options) => {
    await put();
    const store = bench.counted();
    const refusal = new ObjectArchivedError(request.key);
    // As S3 does: the head of an archived object can be read.
    const archived = { ...store, open: async () => Promise.reject(refusal) };
    const files = bench.files({ store: archived, ...options });
    const asked = { ...request, size: content.length };
    await expect(files.open(asked).then(readAll)).rejects.toBe(refusal);
    const heads = store.heads.length;
    await expect(files.open(asked)).rejects.toBe(refusal);
    expect(store.heads).toHaveLength(heads);
  });

  it('that is absent is asked for once in a while', async () => {
    const store = bench.counted();
    const files = bench.files({ store });
    const absent = expect.objectContaining({ code: 'OBJECT_NOT_FOUND' });
    await expect(files.open(request)).rejects.toEqual(absent);
    await expect(files.open(request)).rejects.toEqual(absent);
    expect(store.reads).toHaveLength(1);
    expect((await files.explain(request)).verdict).toMatch(/not asked for at the moment/);
    expect(bench.names()).toMatchObject({ parts: [], locks: [] });
    await put();
    await files.purge(request);
    expect((await readAll(await files.open(request))).equals(content)).toBe(true);
  });

  it('of another size than its row says is served, and a fault tells of it', async () => {
    await put();
    const events = recordEvents('fault');
    expect((await bench.files().open({ ...request, size: 5 })).size).toBe(content.length);
    expect(events.stop()).toEqual([expect.objectContaining({ kind: 'unsuitable', key: 'f1' })]);
  });

  it('that is too large to keep is handed through', async () => {
    await put();
    const store = bench.counted();
    const files = bench.files({ store, maxFileBytes: '1mib' });
    for (const size of [undefined, content.length]) {
      const file = await files.open({ ...request, ...(size !== undefined && { size }) });
      expect(file.source).toBe('upstream');
      expect((await readAll(file)).equals(content)).toBe(true);
    }
    expect(bench.names()).toEqual({ files: [], parts: [], locks: [] });
  });
});

describe('O2 A file whose bytes are not those of its checksum', () => {
  const wrong = { ...request, sha256: 'ab'.repeat(32) };
  /** Says another checksum than that of its bytes, and leaves the comparison to whoever reads. */
  const misinformed = (): ObjectStore => ({
    ...bench.objects,
    open: async (...asked) => ({
      ...(await bench.objects.open(...asked)),
      checksum: { algorithm: 'sha256', hex: wrong.sha256 },
    }),
  });

  it('never ends well, and is not kept', async () => {
    await put();
    const files = bench.files();
    const events = recordEvents('fileFilled');
    const file = await files.open(wrong);
    await expect(readAll(file)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
    await eventually(() => expect(bench.names()).toEqual({ files: [], parts: [], locks: [] }));
    // It is told after the folder was left in order.
    await eventually(() => expect(events.seen).toMatchObject([{ outcome: 'damaged', key: 'f1' }]));
    events.stop();
  });

  it('is not served from a copy that was kept without one, nor from the object store itself', async () => {
    await put();
    const files = bench.files();
    await readAll(await files.open(request));
    await eventually(async () => expect((await files.open(request)).source).toBe('disk'));
    await expect(files.open(wrong).then((file) => readAll(file))).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
    const through = await bench.files({ maxFileBytes: '1mib' }).open(wrong);
    expect(through.source).toBe('upstream');
    await expect(readAll(through)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });

  it.each([
    ['its row says', wrong, (): ObjectStore => bench.objects],
    ['the object store says', request, (): ObjectStore => misinformed()],
  ])('never ends well where %s it and the download breaks off', async (_, asked, objects) => {
    await put();
    let breaksOff = true;
    const beforePiece = (sent: number): void => {
      if (sent < 2 ** 20 || !breaksOff) return;
      breaksOff = false;
      throw new Error('the connection is gone');
    };
    const store = countedStore(objects(), { beforePiece });
    const file = await bench.files({ store }).open(asked);
    await expect(readAll(file)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
    expect(store.reads).toEqual(['all', `${2 ** 20}-${content.length - 1}`]);
  });

  it('(−) reaches its readers as a whole body where the last bytes are not held back', async () => {
    await put();
    const files = bench.files({}, { without: new Set(['holding-back']) });
    expect((await readAll(await files.open(wrong))).equals(content)).toBe(true);
  });
});

describe('A file whose row changes while it is looked for', () => {
  const newer = Buffer.from(content).reverse();
  const [oldRow, newRow] = [
    { uid: 'f1', key: 'media/old', sha256: sha256Of(content) },
    { uid: 'f1', key: 'media/new', sha256: sha256Of(newer) },
  ];

  /** Opens both while the object store keeps the answer to the first back. */
  async function openBoth(): Promise<PromiseSettledResult<TieredFile>[]> {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const store = bench.counted({ beforeOpen: () => (store.reads.length === 1 ? answered : undefined) });
    const files = bench.files({ store });
    const first = files.open(oldRow);
    await eventually(() => expect(store.reads).toHaveLength(1));
    const opening = Promise.allSettled([first, files.open(newRow)]);
    // Whoever came before this one has looked for a copy by now.
    await expect(files.open({ uid: 'f2', key: 'media/absent' })).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    answer();
    return opening;
  }

  it('is what its own row says to each reader', async () => {
    await put(content, oldRow.key);
    await put(newer, newRow.key);
    const [first, second] = (await openBoth()).map((one) => (one as PromiseFulfilledResult<TieredFile>).value);
    expect((await readAll(first as TieredFile)).equals(content)).toBe(true);
    expect((await readAll(second as TieredFile)).equals(newer)).toBe(true);
    expect([first?.etag, second?.etag]).toEqual([`"${oldRow.sha256}"`, `"${newRow.sha256}"`]);
  });

  it('is not read behind a download for its old row, where rows say no checksum', async () => {
    await put(content, oldRow.key);
    await put(newer, newRow.key);
    let goOn = (): void => undefined;
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    const store = bench.counted({ beforePiece: () => (store.reads.length === 1 ? gone : undefined) });
    const files = bench.files({ store });
    const first = await files.open({ uid: 'f1', key: oldRow.key });
    const second = await files.open({ uid: 'f1', key: newRow.key });
    goOn();
    expect((await readAll(second)).equals(newer)).toBe(true);
    expect((await readAll(first)).equals(content)).toBe(true);
  });

  it('is not absent to the reader of the new row because the object of the old one is', async () => {
    await put(newer, newRow.key);
    const [first, second] = await openBoth();
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'OBJECT_NOT_FOUND' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
    expect((await readAll((second as PromiseFulfilledResult<TieredFile>).value)).equals(newer)).toBe(true);
  });

  it('is not absent because the object of its old row was a moment ago', async () => {
    await put(newer, newRow.key);
    const files = bench.files();
    await expect(files.open(oldRow)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND', key: oldRow.key });
    expect((await readAll(await files.open(newRow))).equals(newer)).toBe(true);
  });

  it('is not served from a copy that another process has made for the old row meanwhile', async () => {
    await put(content, oldRow.key);
    await put(newer, newRow.key);
    await put(content, 'media/first');
    let goOn = (): void => undefined;
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    const store = bench.counted({ beforePiece: () => gone });
    const files = bench.files({ store, maxConcurrentFills: 1 });
    const first = await files.open({ uid: 'f0', key: 'media/first' });
    // It has the right to fill the file, and waits for its turn.
    const opening = files.open(newRow);
    await eventually(() => expect(bench.names().locks).toHaveLength(2));
    await readAll(await bench.files({}, { without: new Set(['one-leader']) }).open(oldRow));
    await eventually(() => expect(bench.names().files).toHaveLength(1));
    goOn();
    expect((await readAll(await opening)).equals(newer)).toBe(true);
    await readAll(first);
  });
});

describe('A copy on disk', () => {
  const kept = async (): Promise<string> => {
    await put();
    await readAll(await bench.files().open(request));
    return eventually(() => {
      const [name] = bench.names().files;
      expect(name).toBeDefined();
      return join(bench.directory.path, 'files-v1', name as string);
    });
  };

  it('that has rotted is noticed before a byte of its block is sent, and replaced', async () => {
    const path = await kept();
    const bytes = readFileSync(path);
    bytes[4096 + 2_000_000] = (bytes[4096 + 2_000_000] as number) ^ 1;
    writeFileSync(path, bytes);
    const store = bench.counted();
    const files = bench.files({ store });
    const events = recordEvents('fault');
    const file = await files.open(request);
    expect(file.source).toBe('disk');
    expect((await readAll(file)).equals(content)).toBe(true);
    // From the block on that is damaged.
    expect(store.reads).toEqual([`${2 ** 20}-${content.length - 1}`]);
    expect(events.stop()).toEqual([expect.objectContaining({ kind: 'damaged' })]);
    expect((await files.open(request)).source).toBe('filling');
  });

  it('of few bytes that has rotted is not read at once', async () => {
    const few = content.subarray(0, 20_000);
    const small = { uid: 'small', key: 'media/small' };
    await bench.objects.put(small.key, few);
    const files = bench.files();
    await readAll(await files.open(small));
    await eventually(async () => expect((await files.open(small)).source).toBe('disk'));
    const kept = await files.open(small);
    expect((await kept.atOnce(5, 9))?.equals(few.subarray(5, 10))).toBe(true);
    const path = (await files.explain(small)).copy?.path as string;
    const bytes = readFileSync(path);
    bytes[4096 + 10_000] = (bytes[4096 + 10_000] as number) ^ 1;
    writeFileSync(path, bytes);
    // Another process finds it so.
    const file = await bench.files().open(small);
    expect(file.source).toBe('disk');
    expect(await file.atOnce(0, 9)).toBeUndefined();
    expect((await readAll(file)).equals(few)).toBe(true);
  });

  it.each([
    ['cut', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 100_000))],
    ['lengthened', (path: string) => appendFileSync(path, 'more')],
    ['emptied', (path: string) => writeFileSync(path, '')],
    ['of another format', (path: string) => writeFileSync(path, Buffer.alloc(100_000, 7))],
  ])('that was %s is a miss, and goes', async (_, damage) => {
    damage(await kept());
    const files = bench.files();
    const file = await files.open(request);
    expect(file.source).toBe('filling');
    expect((await readAll(file)).equals(content)).toBe(true);
  });

  it('is found by a check, which repairs it when it is asked to', async () => {
    const path = await kept();
    writeFileSync(path, Buffer.from(readFileSync(path)).fill(0, 5000, 5100));
    writeFileSync(join(path, '..', 'note.txt'), 'mine');
    const files = bench.files();
    expect(await files.check()).toMatchObject({
      files: 0,
      damaged: [expect.any(String)],
      strangers: [expect.stringMatching(/note/)],
    });
    expect(await files.check({ repair: true })).toMatchObject({ damaged: [expect.any(String)], repaired: true });
    expect(await files.check()).toMatchObject({ files: 0, damaged: [], bytes: 0 });
  });

  it('is opened anew for a reader whose handle had to make room, and once for many who open it at once', async () => {
    await kept();
    await bench.objects.put('media/two', content);
    const store = bench.counted();
    const files = bench.files({ store }, { maxOpen: 1 });
    const opened = await Promise.all(Array.from({ length: 20 }, () => files.open(request)));
    const two = await files.open({ uid: 'f2', key: 'media/two' });
    await readAll(two);
    await eventually(async () => expect((await files.open({ uid: 'f2', key: 'media/two' })).source).toBe('disk'));
    const read = await Promise.all(opened.map((file) => readAll(file)));
    expect(read.every((bytes) => bytes.equals(content))).toBe(true);
    expect(store.reads).toEqual(['all']);
  });

  it('keeps its readers when its name goes', async () => {
    const path = await kept();
    const file = await bench.files().open(request);
    const stream = file.stream();
    const first = (await stream[Symbol.asyncIterator]().next()).value as Buffer;
    rmSync(path);
    const rest: Buffer[] = [first];
    for await (const chunk of stream) rest.push(chunk as Buffer);
    expect(Buffer.concat(rest).equals(content)).toBe(true);
  });
});
