import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fileBytes } from '../../src/file/file-header.js';
import { FolderRoom } from '../../src/file/folder-room.js';
import type { TieredFiles } from '../../src/file/tiered-files.js';
import { smallFileSystem } from '../support/disk-directory.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from './support/file-events.js';
import { FilesBench, patterned, readAll } from './support/files-bench.js';

const mib = 2 ** 20;
let bench: FilesBench;
beforeEach(() => {
  bench = new FilesBench();
});
afterEach(() => {
  jest.restoreAllMocks();
  return bench.dispose();
});

const uids = (count: number): string[] => Array.from({ length: count }, (_, n) => `f${n}`);
const contentOf = (uid: string): Buffer => Buffer.alloc(mib, uid);
const request = (uid: string) => ({ uid, key: `media/${uid}` });

async function keepAll(files: TieredFiles, count: number): Promise<void> {
  for (const uid of uids(count)) {
    await bench.objects.put(`media/${uid}`, contentOf(uid));
    await readAll(await files.open(request(uid)));
    await idle(files);
  }
}

/** Resolves once no download is under way. */
const idle = (files: TieredFiles): Promise<void> =>
  eventually(async () => expect((await files.status()).fills).toBe(0), { everyMs: 2 });

const usedBytes = (): number => bench.names().files.length * fileBytes(mib);

describe('O5 The bytes of the folder', () => {
  it('stay within their bound, and the file that was used longest ago goes first', async () => {
    const files = bench.files({ maxBytes: 10 * mib });
    const evicted = recordEvents('evicted');
    await keepAll(files, 8);
    const root = join(bench.directory.path, 'files-v1');
    bench.names().files.forEach((name) => utimesSync(join(root, name), 1_000, 1_000));
    expect((await files.open(request('f0'))).source).toBe('disk');
    // Uses are written once a minute: this one is written by hand.
    const explained = await files.explain({ uid: 'f0' });
    utimesSync(explained.copy?.path as string, new Date(), new Date());
    await keepAll(files, 14);
    expect(usedBytes()).toBeLessThanOrEqual(10 * mib);
    expect(evicted.stop().length).toBeGreaterThan(0);
    expect(bench.names().files.length).toBeGreaterThanOrEqual(7);
  });

  it('are one count for all who share the folder, also while they download', async () => {
    const all = [bench.files({ maxBytes: 8 * mib }), bench.files({ maxBytes: 8 * mib })];
    await Promise.all(uids(20).map((uid) => bench.objects.put(`media/${uid}`, contentOf(uid))));
    const read = uids(20).map(async (uid, n) => readAll(await (all[n % 2] as TieredFiles).open(request(uid))));
    for (const [n, bytes] of (await Promise.all(read)).entries()) expect(bytes.equals(contentOf(`f${n}`))).toBe(true);
    await Promise.all(all.map(idle));
    expect(usedBytes()).toBeLessThanOrEqual(8 * mib);
  });

  it('are evicted under readers, who get every byte', async () => {
    const files = bench.files({ maxBytes: 6 * mib });
    await keepAll(files, 4);
    const readers = Array.from({ length: 40 }, async (_, n) => {
      const uid = `f${n % 12}`;
      await bench.objects.put(`media/${uid}`, contentOf(uid));
      return (await readAll(await files.open(request(uid)))).equals(contentOf(uid));
    });
    expect((await Promise.all(readers)).every(Boolean)).toBe(true);
    await idle(files);
    expect(usedBytes()).toBeLessThanOrEqual(6 * mib);
  });

  it('leave as many free on the disk as they are told to', async () => {
    const files = bench.files({ minFree: 2 ** 50 });
    await bench.objects.put('media/f0', contentOf('f0'));
    const file = await files.open(request('f0'));
    expect(file.source).toBe('upstream');
    expect((await readAll(file)).equals(contentOf('f0'))).toBe(true);
    expect(bench.names()).toEqual({ files: [], parts: [], locks: [] });
  });

  it('are counted anew at a start, without what was left unfinished long ago', async () => {
    await keepAll(bench.files(), 2);
    const root = join(bench.directory.path, 'files-v1');
    const [folder] = readdirSync(root).filter((name) => /^[0-9a-f]{2}$/.test(name));
    const part = join(root, folder as string, `${'a'.repeat(62)}.00000000-0000-4000-8000-000000000000.part`);
    writeFileSync(part, 'half');
    utimesSync(part, 1_000, 1_000);
    expect((await bench.files().status()).usedBytes).toBe(2 * fileBytes(mib));
    expect(bench.names().parts).toEqual([]);
  });
});

describe('O5 A disk that is full', () => {
  it('costs copies, and no reader a byte', async () => {
    const full = smallFileSystem(16 * mib);
    // Whoever may not mount one sees what a folder does that may not be written to, below.
    if (!full) return expect(process.getuid?.()).not.toBe(0);
    try {
      writeFileSync(join(full.path, 'others'), Buffer.alloc(2 * mib));
      const files = bench.files({ directory: full.path, maxBytes: '1gib' });
      for (const uid of uids(30)) {
        await bench.objects.put(`media/${uid}`, contentOf(uid));
        expect((await readAll(await files.open(request(uid)))).equals(contentOf(uid))).toBe(true);
      }
      const big = patterned(12 * mib);
      await bench.objects.put('media/big', big);
      for (let time = 0; time < 2; time++) {
        const read = await Promise.all(
          Array.from({ length: 5 }, async () => readAll(await files.open(request('big')))),
        );
        expect(read.every((bytes) => bytes.equals(big))).toBe(true);
      }
      expect((await files.check()).damaged).toEqual([]);
      await files.close();
    } finally {
      full.remove();
    }
  });
});

describe('O5 A folder', () => {
  it('that is gone is made again', async () => {
    const files = bench.files({}, { retryMs: 50 });
    await keepAll(files, 1);
    rmSync(join(bench.directory.path, 'files-v1'), { recursive: true });
    expect((await readAll(await files.open(request('f0')))).equals(contentOf('f0'))).toBe(true);
    await eventually(async () => expect((await files.open(request('f0'))).source).toBe('disk'));
  });

  it('is entered while another process counts its bytes, and after one was killed while it did', async () => {
    await bench.files().status();
    const lock = join(bench.directory.path, 'files-v1', 'room', 'lock');
    // As a process of this machine left it that has ended.
    symlinkSync('999999999-1-0badc0de.', lock);
    expect(await bench.files().status()).toMatchObject({ isUsable: true, usedBytes: 0 });
    expect(existsSync(lock)).toBe(false);
  });

  it('that could not be prepared on a full disk is tried again', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'mkdir' });
    jest.spyOn(FolderRoom.prototype, 'recount').mockRejectedValueOnce(full);
    const files = bench.files({}, { retryMs: 50 });
    await bench.objects.put('media/f0', contentOf('f0'));
    expect((await files.open(request('f0'))).source).toBe('upstream');
    await eventually(async () => expect((await files.open(request('f0'))).source).toBe('filling'));
  });

  it('that can’t be made costs copies and one fault, and is tried again', async () => {
    const path = join(bench.directory.path, 'in-the-way');
    writeFileSync(path, 'a file');
    const files = bench.files({ directory: path }, { retryMs: 2_000 });
    const faults = recordEvents('fault');
    await bench.objects.put('media/f0', contentOf('f0'));
    for (let time = 0; time < 3; time++) {
      const file = await files.open(request('f0'));
      expect(file.source).toBe('upstream');
      expect((await readAll(file)).equals(contentOf('f0'))).toBe(true);
    }
    expect(faults.stop()).toEqual([expect.objectContaining({ kind: 'degraded' })]);
    rmSync(path);
    mkdirSync(path);
    chmodSync(path, 0o700);
    await eventually(async () => expect((await files.open(request('f0'))).source).toBe('filling'));
  });
});
