import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { knock } from '../../src/store/disk/lifeline.js';
import { drawStamp, readStamp } from '../../src/store/disk/process-stamp.js';
import { eventually } from '../support/eventually.js';
import { FilesBench, patterned, readAll } from './support/files-bench.js';

let bench: FilesBench;
let root: string;
beforeEach(() => {
  bench = new FilesBench();
  root = join(bench.directory.path, 'files-v1');
  for (const folder of ['', 'lifelines', 'room', 'ab']) {
    mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
  }
});
afterEach(() => bench.dispose());

const sockets = (): string[] => readdirSync(join(root, 'lifelines')).sort();

/** What is left of a process that was killed: a socket that refuses. */
async function killed(): Promise<{ readonly stamp: string; readonly instance: string }> {
  const stamp = drawStamp();
  const { instance } = readStamp(stamp);
  const server = createServer();
  const bound = join(root, 'lifelines', 'bound');
  await new Promise<void>((resolve) => server.listen(bound, resolve));
  renameSync(bound, join(root, 'lifelines', instance));
  await new Promise((resolve) => server.close(resolve));
  return { stamp, instance };
}

describe('The socket of a process that was killed', () => {
  it('is removed at the next start, where no lock names the process', async () => {
    const living = bench.files();
    await living.status();
    const own = sockets();
    await killed();
    await killed();
    expect(sockets()).toHaveLength(3);
    expect((await bench.files().status()).isUsable).toBe(true);
    expect(sockets()).toHaveLength(2);
    expect(sockets()).toEqual(expect.arrayContaining(own));
  });

  it.each([
    ['stands in its place', ''],
    ['was just moved aside', '.123e4567-e89b-42d3-a456-426614174000'],
  ])('stays as long as the lock of a file names the process, which %s', async (_, aside) => {
    const { stamp, instance } = await killed();
    symlinkSync(`${stamp}-1`, join(root, 'ab', `${'0'.repeat(62)}.lock${aside}`));
    expect((await bench.files().status()).isUsable).toBe(true);
    expect(sockets()).toContain(instance);
  });

  it('is removed together with its hold on the bytes of the folder', async () => {
    const { stamp, instance } = await killed();
    symlinkSync(`${stamp}-1`, join(root, 'room', 'lock'));
    expect((await bench.files().status()).isUsable).toBe(true);
    expect(sockets()).not.toContain(instance);
  });
});

it('A process that goes on in a folder which was removed and made again can be judged there', async () => {
  const files = bench.files({}, { retryMs: 1 });
  await files.status();
  const own = sockets();
  expect(own).toHaveLength(1);
  rmSync(root, { recursive: true });
  await bench.objects.put('a', patterned(1_000));
  await eventually(async () => {
    await readAll(await files.open({ uid: 'a', key: 'a' }));
    expect(sockets()).toEqual(own);
  });
  expect(await knock(root, own[0] as string)).toBe('open');
});
