import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fileName } from '../../src/file/file-feed.js';
import { FilePlace, fileId } from '../../src/file/file-place.js';
import { FileSources } from '../../src/file/file-sources.js';
import { FilesFolder } from '../../src/file/files-folder.js';
import { usualTuning } from '../../src/file/files-tuning.js';
import { GrowingFile } from '../../src/file/growing-file.js';
import { KeptFiles } from '../../src/file/kept-files.js';
import { resolveFilesOptions } from '../../src/file/tiered-files-options.js';
import type { ObjectStore } from '../../src/object/object-store.js';
import { eventually } from '../support/eventually.js';
import { FilesBench, patterned, readAll } from './support/files-bench.js';

const content = patterned(300_000);
const request = { uid: 'f1', key: 'media/one' };

let bench: FilesBench;
let folder: FilesFolder;
let sources: FileSources;
let place: FilePlace;
/** Of downloads that go on with what is there. */
const bodies: Readable[] = [];
/** Called when one has its answer. */
let onOpened: () => void;

beforeEach(async () => {
  bench = new FilesBench();
  bodies.splice(0);
  onOpened = () => undefined;
  await bench.objects.put(request.key, content);
  await leaveUnfinished();
  const objects: ObjectStore = {
    ...bench.objects,
    open: async (...asked) => {
      const opened = await bench.objects.open(...asked);
      bodies.push(opened.body);
      onOpened();
      return opened;
    },
  };
  const options = resolveFilesOptions({ objects, directory: bench.directory.path, maxBytes: '64mib' });
  const tuning = { ...usualTuning, stagnantMs: 0 };
  folder = new FilesFolder(options, tuning);
  await folder.isUsable();
  place = new FilePlace(folder.root, fileId(options.namespace, fileName(options.keyOf(request.uid), undefined)));
  const kept = new KeptFiles({ clock: options.clock, maxOpen: 1, onDamage: () => undefined });
  sources = new FileSources(options, tuning, folder, kept);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await sources.close();
  await folder.close();
  await bench.dispose();
});

/** As of a process that was stopped in the middle. */
async function leaveUnfinished(): Promise<void> {
  const store = bench.counted({
    beforePiece: (sent) => (sent < 150_000 ? undefined : new Promise<void>(() => undefined)),
  });
  const files = bench.files({ store });
  await files.open(request);
  await eventually(() => expect(bench.names().parts).toHaveLength(1));
  await files.close();
}

describe('The right to fill a file, whose process has stopped, is given back', () => {
  const followed = async (): Promise<GrowingFile> => {
    jest.spyOn(folder.locks, 'tryTake').mockResolvedValueOnce(undefined);
    const file = await sources.find(place, request);
    if (!(file instanceof GrowingFile)) throw new Error('nobody fills the file');
    return file;
  };

  it.each<[string, number]>([
    ['is closed', 0],
    ['has ended, and is still open', 1],
  ])('where the file %s by the time it was taken', async (_, otherReaders) => {
    const file = await followed();
    for (let readers = 0; readers <= otherReaders; readers++) file.enter();
    const taking = jest.spyOn(folder.locks, 'tryTake').mockImplementationOnce(async (path) => {
      const lock = await folder.locks.take(path, 0);
      // The last reader leaves, and so does whoever expected one.
      file.leave();
      file.end('givenUp');
      return lock;
    });
    await file.wait(content.length - 1, new AbortController().signal);
    await eventually(() => expect(taking).toHaveBeenCalled());
    await eventually(() => expect(bench.names().locks).toEqual([]));
    expect([bodies.length, bench.names().parts.length]).toEqual([0, 1]);
    for (let readers = 0; readers < otherReaders; readers++) file.leave();
  });
});

describe('A close', () => {
  it('ends the downloads too that a purge has dropped', async () => {
    // Its bytes never come.
    const open: ObjectStore['open'] = async (...asked) => {
      const { body, ...opened } = await bench.objects.open(...asked);
      body.destroy();
      return { ...opened, body: new PassThrough() };
    };
    const files = bench.files({ store: { ...bench.objects, open } });
    await files.open({ ...request, uid: 'f2' });
    await files.purge({ uid: 'f2' });
    expect((await files.status()).fills).toBe(1);
    await files.close();
    expect((await files.status()).fills).toBe(0);
  });

  it('leaves the rest of a file to the object store for whoever reads it, and downloads it no more', async () => {
    const ranges: unknown[] = [];
    const open: ObjectStore['open'] = async (key, asked) => {
      const opened = await bench.objects.open(key, asked);
      if (ranges.push(asked?.range) > 1) return opened;
      opened.body.destroy();
      // It stands still in the middle.
      const body = new PassThrough();
      body.write(content.subarray(0, 100_000));
      return { ...opened, body };
    };
    const files = bench.files({ store: { ...bench.objects, open } }, { stagnantMs: 0 });
    const chunks = (await files.open({ ...request, uid: 'f2' })).stream()[Symbol.asyncIterator]();
    const read = [(await chunks.next()).value as Buffer];
    await files.close();
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) read.push(chunk as Buffer);
    expect(Buffer.concat(read).equals(content)).toBe(true);
    expect(ranges).toEqual([undefined, { start: 100_000, end: content.length - 1 }]);
  });

  it('ends the downloads too that waited for their turn', async () => {
    let opened = 0;
    const open: ObjectStore['open'] = async (...asked) => {
      const answer = await bench.objects.open(...asked);
      if (++opened > 1) return answer;
      answer.body.destroy();
      return { ...answer, body: new PassThrough() };
    };
    const files = bench.files({ store: { ...bench.objects, open }, maxConcurrentFills: 1 });
    await files.open({ ...request, uid: 'f2' });
    const waiting = files.open({ ...request, uid: 'f3' });
    // It has the right to fill the file.
    await eventually(() => expect(bench.names().locks).toHaveLength(2));
    await files.close();
    expect((await readAll(await waiting)).equals(content)).toBe(true);
    expect(bench.names().files).toEqual([]);
  });
});

describe('A download that goes on', () => {
  it('lets its answer go where nothing can be written', async () => {
    const probe = await open(bench.directory.path);
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const failure = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    onOpened = () => void jest.spyOn(handles, 'write').mockRejectedValueOnce(failure);
    await expect(sources.find(place, request)).rejects.toBe(failure);
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true]);
    expect(bench.names().locks).toEqual([]);
  });
});
