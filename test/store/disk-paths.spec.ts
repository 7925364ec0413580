import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { bundled } from '../support/bundled.js';
import { dyingWithParent } from '../support/dies-with-parent.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import { startWorker } from '../support/worker-process.js';

let outer: DiskDirectory;

beforeEach(() => {
  outer = diskDirectory();
});

afterEach(() => outer.remove());

describe('a path where no folder can be', () => {
  it('is answered within the deadline of the start, and costs no thread for good', async () => {
    const events = recordEvents('fault');
    for (const path of ['/proc/nope', '/proc/nope/deeper/still', '/dev/null/folder', '/dev/null']) {
      events.clear();
      const store = new DiskStore({ directory: path });
      await expect(store.shards[0].readMany(['a'])).rejects.toThrow(`disk ${path}: it is not open. Call open() first.`);
      const startedAt = performance.now();
      await store.open();
      expectInQuiet(performance.now() - startedAt, 1_000);
      const refused: unknown = await store.shards[0].readMany(['a']).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StoreUnavailableError);
      expect((refused as Error).message).toBe(
        `disk ${path}: the folder can't be used. Check that the folder is there, that this process may write to it, and that its disk has room.`,
      );
      const message: unknown = expect.stringMatching(/^The folder can't be used: .*[^.]\.$/);
      expect(events.of('fault')).toMatchObject([{ kind: 'unavailable', source: `disk ${path}`, message }]);
      await store.close();
      const closed = `disk ${path}: it was closed. Use it before its close(), which the end of an application calls.`;
      await expect(store.shards[0].readMany(['a'])).rejects.toThrow(closed);
    }
    events.stop();
  });

  it('lets the process end', async () => {
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: '/proc/nope',
    });
    await worker.call('open');
    expect(await worker.stop()).toBe('0');
  });
});

describe('a store that was closed', () => {
  it('says so, and can be opened again', async () => {
    const store = new DiskStore({ directory: outer.path });
    for (let time = 0; time < 2; time++) {
      await store.open();
      expect(await store.shards[0].readMany(['a'])).toEqual([undefined]);
      await store.close();
      await expect(store.shards[0].readMany(['a'])).rejects.toThrow('it was closed');
    }
  });
});

describe('a long path', () => {
  it('is longer than a socket’s name may be, and works', async () => {
    const directory = join(outer.path, 'd'.repeat(120), 'e'.repeat(120));
    const store = new DiskStore({ directory }, { deadlineMs: 10_000, openWithinMs: 20_000 });
    const events = recordEvents('fault');
    await store.open();
    expect(await store.shards[0].write('a', Buffer.from('1'), { lifeMs: 60_000 })).toMatchObject({ status: 'stored' });
    await store.close();
    events.stop();
    expect(events.all).toEqual([]);
  });
});

describe('a bundle', () => {
  it.each(['cjs', 'esm'] as const)('(%s) opens again after it was killed', async (format) => {
    mkdirSync(join(outer.path, 'bundle'));
    const program = new URL('../support/disk-program.ts', import.meta.url);
    const script = bundled(program, join(outer.path, 'bundle'), format);
    const run = async (): Promise<string[]> => {
      const [command, args] = dyingWithParent(process.execPath, [script, join(outer.path, 'store')]);
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
      const lines: string[] = [];
      for await (const line of createInterface(child.stdout)) {
        if (line === 'written') break;
        lines.push(line);
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      return lines;
    };
    expect(await run()).toEqual(['found: nothing']);
    expect(await run()).toEqual(['found: value']);
  });
});
