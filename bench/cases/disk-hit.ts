import { crc32 } from 'node:zlib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { diskStore } from 'nestjs-tiered-cache/disk';
import sqlite from 'node-sqlite3-wasm';
import { Keyv } from 'keyv';
import { counted, timed, untilSteadyMs, verify } from '../harness.js';
import type { Benchmark, Comparison } from '../harness.js';
import { document, neverLoads, openCache, ours } from '../support/subjects.js';

const keys = Array.from({ length: 200 }, (_, index) => `content:${index}`);

export const benchmark: Benchmark = {
  name: 'disk-hit',
  unit: 'ns/op',
  title: 'A hit of the disk',
  work: '1 KB and 50 KB of JSON from the disk, no process tier',
  meaning: 'A hit after a restart, or of what another worker of the host has loaded: microseconds, without a server.',
  aims: [
    { of: '1 KB', atMost: 2.1, onNode24: 1.9 },
    { of: '50 KB', atMost: 1.6, onNode24: 1.5 },
    { of: '1 KB', atMost: 0.2, beside: 'keyv on SQLite 1 KB' },
  ],
  limit: 'lmdb, checked and frozen',
  remark:
    'A checked and versioned entry costs the same few microseconds more at any size: much beside a bare read of 1 KB, little beside one of 50 KB.',
  rounds: 7,
  warmUpMs: untilSteadyMs,
  async prepare(smoke) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-disk-'));
    const bare = open<string, string>({ path: join(folder, 'bare.mdb'), encoding: 'string', noSync: true });
    const cache = await openCache({ store: diskStore({ directory: join(folder, 'ours') }), process: false });
    const keyv = new Keyv({ store: sqliteStore(join(folder, 'keyv.sqlite')) as never });
    const comparisons: Comparison[] = [];
    // Long enough to be warm after the collection before each round; the slow one gets there sooner.
    for (const [variant, bytes, fullCount, slowCount] of [
      ['1 KB', 1_000, 40_000, 2_000],
      ['50 KB', 50_000, 2_000, 300],
    ] as const) {
      const own = keys.map((key) => `${variant}:${key}`.replace(' ', ''));
      for (const [index, key] of own.entries()) {
        const value = document(bytes, index);
        await bare.put(key, JSON.stringify(value));
        await cache.set(key, value, { ttl: '1h' });
        await keyv.set(key, value);
      }
      const subjects: [string, number, (key: string) => Promise<{ id: number } | undefined>][] = [
        ['lmdb', fullCount, async (key) => JSON.parse(bare.get(key) ?? 'null') as { id: number }],
        ['lmdb, checked and frozen', fullCount, async (key) => checkedAndFrozen(bare.getBinary(key) as Buffer)],
        [ours, fullCount, (key) => cache.getOrSet<{ id: number }>(key, neverLoads)],
        ['keyv on SQLite', slowCount, async (key) => (await keyv.get<{ id: number }>(key)) ?? undefined],
      ];
      for (const [name, , get] of subjects) verify((await get(own[7] as string))?.id === 7, name);
      comparisons.push({
        variant,
        baseline: 'lmdb',
        subjects: subjects.map(([name, full, get]) => ({
          name,
          round: () => {
            const count = counted(full, smoke);
            return timed(count, async () => {
              for (let index = 0; index < count; index++) await get(own[index % own.length] as string);
            });
          },
        })),
      });
    }
    const close = async (): Promise<void> => {
      await cache.close();
      await bare.close();
      rmSync(folder, { recursive: true });
    };
    return { comparisons, close };
  },
};

/** `@keyv/sqlite` needs a binary that is not to be had everywhere; this is the same statement on SQLite as WebAssembly. */
function sqliteStore(file: string): object {
  const database = new sqlite.Database(file);
  database.exec('CREATE TABLE keyv (key TEXT PRIMARY KEY, value TEXT)');
  const select = database.prepare('SELECT value FROM keyv WHERE key = ?');
  const insert = database.prepare('INSERT OR REPLACE INTO keyv (key, value) VALUES (?, ?)');
  return {
    opts: {},
    on: () => {},
    get: async (key: string) => (select.get([key]) as { value: string } | null)?.value,
    set: async (key: string, value: string) => void insert.run([key, value]),
    delete: async () => true,
    clear: async () => {},
  };
}

/** The least that can be done and still check: the physical limit. */
function checkedAndFrozen(bytes: Buffer): { id: number } {
  crc32(bytes, 1);
  return Object.freeze(JSON.parse(bytes.toString()) as { id: number });
}
