import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import { DiskJournal } from '../support/disk-journal.js';
import { look, sealed } from '../support/disk-record-look.js';
import type { Look } from '../support/disk-record-look.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import { seededRandom } from '../support/seeded-random.js';
import { syncedFrom } from '../support/synced-from.js';
import { startWorker } from '../support/worker-process.js';

const endurance = process.env['ENDURANCE'] === '1';
const kills = endurance ? 500 : 12;
const damages = endurance ? 300 : 8;
const openWithinMs = 2_000;

const workerUrl = new URL('../support/disk-worker.ts', import.meta.url);
/** What is tested here is not how fast a loaded machine is. */
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

let directory: DiskDirectory;

beforeEach(() => {
  directory = diskDirectory();
});

afterEach(() => {
  jest.restoreAllMocks();
  directory.remove();
});

describe('S3 A folder', () => {
  it(
    `kill -9, ${kills} times during writes: opens in time, 0 wrong values, 0 acknowledged writes lost`,
    async () => {
      const random = seededRandom(3);
      const journal = new DiskJournal(join(directory.path, 'journal'));
      const events = recordEvents('fault');
      const path = join(directory.path, 'store');
      const opens: number[] = [];
      const store = new DiskStore({ directory: path, maxBytes: 2 ** 28 }, patience);
      for (let killed = 0; killed < kills; killed += 2) {
        const writers = await Promise.all([0, 1].map(() => startWorker(workerUrl, { directory: path })));
        await Promise.all(
          writers.map(async (writer, i) => {
            opens.push(await writer.call<number>('open'));
            await writer.call(
              'hammer',
              `w${i}`,
              journal.path,
              random.integer(1, 2 ** 30),
              journal.nextSequence(i, killed),
            );
          }),
        );
        await new Promise((resolve) => setTimeout(resolve, random.integer(5, 150)));
        await Promise.all(writers.map((writer) => writer.kill()));

        const start = performance.now();
        await store.open();
        opens.push(performance.now() - start);
        journal.catchUp();
        const keys = journal.keys();
        const items = await store.shards[0].readMany(keys);
        const wrong = keys.filter((key, i) => !journal.allows(key, look(key, items[i]?.bytes)));
        expect(wrong).toEqual([]);
        const [counter] = await store.shards[0].readMany(['counter']);
        const count = Number(counter?.bytes.toString() ?? 0);
        expect(count).toBeGreaterThanOrEqual(journal.increments.done);
        expect(count).toBeLessThanOrEqual(journal.increments.tried);
        await store.close();
      }
      events.stop();
      expect(events.all).toEqual([]);
      expect(journal.acknowledged).toBeGreaterThan(kills * 5);
      if (endurance) {
        console.log(
          `S3: ${kills} kills, ${journal.acknowledged} acknowledged operations, ${opens.length} opens, ` +
            `slowest ${Math.max(...opens).toFixed(0)} ms, 0 wrong values, file ${statSync(join(path, 'v2', 'data.mdb')).size} bytes`,
        );
      }
      expectInQuiet(Math.max(...opens), openWithinMs);
    },
    endurance ? 1_800_000 : 90_000,
  );

  it(
    `a database damaged in ${damages} places: opens in time, 0 wrong values, serves, and no process dies`,
    async () => {
      const random = seededRandom(4);
      const original = join(directory.path, 'original');
      const entries = await writeOriginal(original);
      const size = statSync(join(original, 'v2', 'data.mdb')).size;
      const cuts = [0, 1, 100, 4_095, 4_096, 8_192, Math.floor(size / 2), size - 4_096, size - 1];
      const worker = await startWorker(workerUrl, { directory: original });
      const seen = { setAside: 0, lost: 0, opens: [] as number[] };
      try {
        for (let i = 0; i < damages; i++) {
          const path = join(directory.path, `damaged${i}`);
          mkdirSync(path);
          cpSync(join(original, 'v2'), join(path, 'v2'), { recursive: true });
          const file = join(path, 'v2', 'data.mdb');
          const cut = i % 2 === 0 ? (cuts[i / 2] ?? random.integer(0, size)) : undefined;
          const at = random.integer(0, size - 4_096);
          if (cut !== undefined) truncateSync(file, cut);
          else garble(file, at, random.integer(1, 4_096), i % 4 === 1 ? random.bytes(4_096) : Buffer.alloc(4_096));
          const what = cut === undefined ? `garbled at ${at}` : `cut at ${cut}`;
          try {
            seen.opens.push(await worker.call<number>('open', path));
            for (const [key, text] of entries) {
              const found = await worker.call<Look>('look', key);
              if (found.found === 'value') expect(found.text).toBe(text);
              else seen.lost++;
            }
            for (let j = 0; j < 20; j++) await worker.call('write', `new${j}`, 'n'.repeat(j * 1_000));
            expect(await worker.call('look', 'new19')).toEqual({ found: 'value', text: 'n'.repeat(19_000) });
            await worker.call('close');
          } catch (cause) {
            throw new Error(what, { cause });
          }
          seen.setAside += readdirSync(path).filter((name) => name.startsWith('v2.damaged-')).length;
        }
        const faults = await worker.call<string[]>('faults');
        expect(faults.filter((fault) => fault.includes('set aside'))).toHaveLength(seen.setAside);
      } finally {
        await worker.kill();
      }
      expect(seen.setAside).toBeGreaterThan(damages / 4);
      if (endurance) {
        console.log(
          `S3: ${damages} damages, ${seen.setAside} set aside, slowest open ${Math.max(...seen.opens).toFixed(0)} ms`,
        );
      }
      expectInQuiet(Math.max(...seen.opens), openWithinMs);
    },
    endurance ? 900_000 : 60_000,
  );

  it('keeps one damaged folder, and says once that it was set aside', async () => {
    const events = recordEvents('fault');
    const store = new DiskStore({ directory: directory.path }, patience);
    for (let round = 0; round < 3; round++) {
      await store.open();
      await store.close();
      truncateSync(join(directory.path, 'v2', 'data.mdb'), 5_000);
    }
    await store.open();
    events.stop();
    expect(events.all.map(({ event }) => event)).toEqual(['fault', 'fault', 'fault']);
    expect(events.of('fault').every(({ kind, message }) => kind === 'damaged' && message.includes('set aside'))).toBe(
      true,
    );
    expect(readdirSync(directory.path).filter((name) => name.startsWith('v2.damaged-'))).toHaveLength(1);
    await store.close();
  });

  it('has lost its mark on the disk before it is used again', async () => {
    const path = join(directory.path, 'v2');
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    await store.close();
    expect(existsSync(join(path, 'clean'))).toBe(true);
    const found: unknown[] = [];
    const synced = await syncedFrom(directory.path, () =>
      found.push({ marked: existsSync(join(path, 'clean')), users: readdirSync(join(path, 'users')) }),
    );
    await store.open();
    expect([synced, found]).toEqual([[path], [{ marked: false, users: [] }]]);
    await store.close();
  });

  it('starts empty after the machine was restarted under it, because the disk may have kept what was deleted', async () => {
    const store = new DiskStore({ directory: directory.path }, patience);
    await store.open();
    await store.shards[0].write('a', Buffer.from('1'), { lifeMs: Infinity });
    const crashed = join(directory.path, 'crashed');
    mkdirSync(join(crashed, 'v2'), { recursive: true });
    copyFileSync(join(directory.path, 'v2', 'data.mdb'), join(crashed, 'v2', 'data.mdb'));
    await store.close();
    const read = async (boot: string): Promise<unknown> => {
      writeFileSync(join(crashed, 'v2', 'boot'), boot);
      const after = new DiskStore({ directory: crashed });
      await after.open();
      const items = await after.shards[0].readMany(['a']);
      await after.close();
      return items[0]?.bytes.toString();
    };
    const events = recordEvents('fault');
    const thisBoot = readFileSync(join(directory.path, 'v2', 'boot'), 'latin1');
    expect(await read(thisBoot)).toBe('1');
    // Closed in order since: the mark says that the disk has it all.
    expect(await read('another boot')).toBe('1');
    expect(events.all).toEqual([]);
    truncateMark(crashed);
    expect(await read('another boot')).toBeUndefined();
    expect(events.all).toMatchObject([{ kind: 'degraded', message: expect.stringContaining('restarted') as unknown }]);
    events.stop();
  });
});

function truncateMark(path: string): void {
  expect(existsSync(join(path, 'v2', 'clean'))).toBe(true);
  writeFileSync(join(path, 'v2', 'clean'), '');
}

async function writeOriginal(path: string): Promise<Map<string, string>> {
  const store = new DiskStore({ directory: path });
  await store.open();
  const entries = new Map<string, string>();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 150; i++) entries.set(`key${i}`, `${i} of round ${round} ${'x'.repeat((i % 10) * 1_500)}`);
    await Promise.all(
      [...entries].map(([key, text]) => store.shards[0].write(key, sealed(key, text), { lifeMs: Infinity })),
    );
    await store.shards[0].remove(`key${round}`);
    entries.delete(`key${round}`);
  }
  await store.close();
  return entries;
}

function garble(file: string, at: number, length: number, source: Buffer): void {
  const bytes = readFileSync(file);
  source.copy(bytes, at, 0, length);
  writeFileSync(file, bytes);
}
