import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { RootDatabase } from 'lmdb';
import { diskStore } from 'nestjs-tiered-cache/disk';
import type { TieredCache } from 'nestjs-tiered-cache';
import { seededRandom } from '../../test/support/seeded-random.js';
import { counted, timed, verify } from '../harness.js';
import type { Benchmark, Subject } from '../harness.js';
import { document, neverLoads, openCache, ours } from '../support/subjects.js';

/** More take minutes to fill: `BENCH_DISK_ENTRIES=2000000` adds another size. */
const sizes = [
  1_000,
  10_000,
  100_000,
  ...(process.env['BENCH_DISK_ENTRIES'] ?? '').split(',').flatMap((text) => Number(text) || []),
];
const fullCount = 40_000;
const atOnce = 2_000;

export const benchmark: Benchmark = {
  name: 'growth-disk',
  unit: 'ns/look-up',
  title: 'By entries on the disk',
  work: 'hits of keys drawn at random from a disk store of 200-byte values, by entries stored',
  meaning: 'A tree of pages gets a level deeper now and then, and its pages no longer fit into the processor’s caches.',
  aims: [],
  limit: 'lmdb',
  remark:
    'The first row is 1. The limit reads and parses, and checks nothing. `BENCH_DISK_ENTRIES=2000000` adds a larger store.',
  pictures: [
    {
      name: 'cost-by-disk-entries',
      title: 'A hit of the disk by entries stored',
      across: 'entries on the disk',
      up: 'ns a look-up',
      meaning: 'The search in the tree grows with its depth, and slowly. What is done for each entry does not grow.',
    },
  ],
  rounds: 5,
  async prepare(smoke) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-growth-disk-'));
    const closes: (() => Promise<unknown>)[] = [];
    const own: Subject[] = [];
    const limit: Subject[] = [];
    for (const size of smoke ? [100, 1_000] : sizes) {
      const bare = open<string, string>({ path: join(folder, `bare-${size}.mdb`), encoding: 'string', noSync: true });
      const store = diskStore({ directory: join(folder, `ours-${size}`), maxBytes: 2 ** 28 + size * 2_000 });
      const cache = await openCache({ store, process: false });
      closes.push(
        () => cache.close(),
        () => bare.close(),
      );
      await fill(size, cache, bare);
      const loop = (name: string, get: (key: string) => unknown): Subject => {
        const random = seededRandom(size);
        return {
          name: `${name} ${size.toLocaleString('en-US')} entries`,
          point: { line: name, at: size },
          round: () => {
            const count = counted(fullCount, smoke);
            return timed(count, async () => {
              for (let index = 0; index < count; index++) await get(`content:${Math.floor(random() * size)}`);
            });
          },
        };
      };
      own.push(loop(ours, (key) => cache.getOrSet(key, neverLoads)));
      limit.push(loop('lmdb', (key) => JSON.parse(bare.get(key) ?? 'null') as unknown));
    }
    const close = async (): Promise<void> => {
      for (const one of closes) await one();
      rmSync(folder, { recursive: true });
    };
    const subjects = [...own, ...limit];
    return {
      comparisons: [{ variant: '', baseline: subjects[0]?.name ?? '', subjects, picture: 'cost-by-disk-entries' }],
      close,
    };
  },
};

async function fill(size: number, cache: TieredCache, bare: RootDatabase<string, string>): Promise<void> {
  for (let from = 0; from < size; from += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, size - from) }, (_, index) => from + index);
    const stored = await Promise.all(
      numbers.map((number) => cache.set(`content:${number}`, document(200, number), { ttl: '12h' })),
    );
    verify(stored.every(Boolean), 'a set was not acknowledged');
    await Promise.all(numbers.map((number) => bare.put(`content:${number}`, JSON.stringify(document(200, number)))));
  }
}
