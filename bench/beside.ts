// After `npm run build`: TSX_TSCONFIG_PATH=bench/tsconfig.built.json node --expose-gc --import tsx bench/beside.ts <dist of another build>
// Hits, bulk and memory of this build and of the other one, in turns in one process.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Package from 'nestjs-tiered-cache';
import type * as Memcached from 'nestjs-tiered-cache/memcached';
import { startMemcached } from './support/servers.js';
import { document, hotKeys, neverLoads } from './support/subjects.js';

type Round = () => number | Promise<number>;
interface Build {
  readonly name: string;
  readonly open: (options: object) => Promise<Package.TieredCache>;
  readonly scope: Package.RequestScope;
  readonly store: () => unknown;
}

const rounds = Number(process.env['ROUNDS'] ?? 15);
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Which build? Give the folder of its dist.');
const server = await startMemcached();
const builds = [await build('this', resolve('dist')), await build('other', resolve(folder))];

async function build(name: string, dist: string): Promise<Build> {
  const load = async <T>(file: string): Promise<T> => (await import(pathToFileURL(`${dist}/${file}`).href)) as T;
  const { TieredCache, RequestScope, memoryStore } = await load<typeof Package>('index.js');
  const { memcachedStore } = await load<typeof Memcached>('memcached.js');
  const scope = new RequestScope();
  const process = { maxEntries: 200_000, maxBytes: 2 ** 30 };
  return {
    name,
    scope,
    store: () => memcachedStore({ servers: server.address, commandTimeout: 10_000 }),
    async open(options) {
      const shared = { name, namespace: name, packageVersion: '1', store: memoryStore(), process, scope };
      const cache = new TieredCache({ ...shared, ...options });
      await cache.open();
      return cache;
    },
  };
}

async function nsPerOp(count: number, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return ((performance.now() - startedAt) * 1e6) / count;
}

async function filled(cache: Package.TieredCache, bytes: number): Promise<Package.TieredCache> {
  for (const [index, key] of hotKeys.entries()) await cache.set(key, document(bytes, index), { ttl: '1h' });
  return cache;
}

const oneByOne = (cache: Package.TieredCache, count: number) => async (): Promise<void> => {
  for (let index = 0; index < count; index++) await cache.getOrSet(hotKeys[index % 1_000] as string, neverLoads);
};

const cases: Record<string, (build: Build) => Promise<Round>> = {
  async 'process-hit, ns'({ open }) {
    const cache = await filled(await open({}), 200);
    return () => nsPerOp(200_000, oneByOne(cache, 200_000));
  },
  async 'request-hit, ns'({ open, scope }) {
    const cache = await filled(await open({}), 200);
    return () => scope.run(() => nsPerOp(200_000, oneByOne(cache, 200_000)));
  },
  async 'shared-hit, 1 caller, ns'({ open, store }) {
    const cache = await filled(await open({ store: store(), process: false }), 1_000);
    return () => nsPerOp(2_000, oneByOne(cache, 2_000));
  },
  async 'shared-hit, 64 callers, ns'({ open, store }) {
    const cache = await filled(await open({ store: store(), process: false }), 1_000);
    return () => nsPerOp(19_200, () => Promise.all(Array.from({ length: 64 }, oneByOne(cache, 300))));
  },
  async 'bulk of 100 keys, half of them loaded, ns'({ open, store }) {
    const cache = await filled(await open({ store: store(), process: false }), 300);
    let batch = 0;
    return () =>
      nsPerOp(100, async () => {
        for (let time = 0; time < 100; time++) {
          const absent = Array.from({ length: 50 }, (_, index) => `absent:${batch++}:${index}`);
          const load = (keys: readonly string[]): [string, object][] => keys.map((key) => [key, document(300)]);
          await cache.getOrSetMany([...hotKeys.slice(0, 50), ...absent], load, { ttl: '1h' });
        }
      });
  },
  async 'memory, bytes an entry'({ open }) {
    await Promise.resolve();
    const entries = 50_000;
    const heap = (): number => {
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    return async () => {
      const before = heap();
      const cache = await open({ store: undefined });
      for (let index = 0; index < entries; index++) {
        await cache.set(`content:${index}`, Buffer.alloc(200, `${index} `).toString('latin1'), { ttl: '1h' });
      }
      const after = heap();
      if (cache.peek(`content:${entries - 1}`) === undefined) throw new Error('entries were lost');
      await cache.close();
      return (after - before) / entries;
    };
  },
};

const median = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[figures.length >> 1] as number;

console.log(`Node ${process.versions.node}, medians of ${rounds} rounds in turns`);
for (const [name, prepare] of Object.entries(cases)) {
  const runs = await Promise.all(builds.map(prepare));
  const figures = runs.map((): number[] => []);
  for (let round = -2; round < rounds; round++) {
    for (const [index, run] of runs.entries()) {
      const figure = await run();
      if (round >= 0) figures[index]?.push(figure);
    }
  }
  const ratios = figures[0]?.map((figure, round) => figure / (figures[1]?.[round] as number)) ?? [];
  const [mine, others] = figures.map(median);
  console.log(`${name}: ${mine?.toFixed(0)} beside ${others?.toFixed(0)}, ${median(ratios).toFixed(2)} ×`);
}
process.exit(0);
