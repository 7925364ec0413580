import { setImmediate } from 'node:timers/promises';
import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import type { CacheConfiguration, Protections } from '../../../src/cache/cache-configuration.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import { RequestScope } from '../../../src/near/request-scope.js';
import { seededRandom } from '../seeded-random.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedHistory } from './simulated-history.js';
import type { Moment } from './simulated-history.js';
import { SimulatedNetwork } from './simulated-network.js';

export interface Row {
  readonly version: number;
}

const allRows = ['a', 'b', 'tag1', 'tag2'] as const;
/** Fewer rows meet more often. */
const casts: readonly (readonly RowName[])[] = [allRows, ['a', 'b'], ['a'], ['tag1', 'tag2']];
const isTagged = (key: RowName): boolean => key.startsWith('tag');
export type RowName = (typeof allRows)[number];

const intervalMs = 1_000;
/** `coherence.interval`, and the grace that a poll is given to come back. */
const boundMs = intervalMs + 250;

/**
 * Three processes over one store, rows that they load, and a scheduler that lets one thing happen at a time, drawn from a seed. The same seed
 * always tells the same story.
 */
export class SimulatedFleet {
  readonly trace: string[] = [];
  readonly violations: string[] = [];
  readonly random;
  readonly clock = new SimulatedClock();
  readonly network: SimulatedNetwork;
  readonly scope = new RequestScope();
  private readonly store = memoryStore({ clock: this.clock });
  private readonly caches: readonly TieredCache[];
  private readonly rows = new Map<RowName, number>(allRows.map((key) => [key, 1]));
  private readonly history = new SimulatedHistory(boundMs);
  private readonly writing = new Set<RowName>();
  private readonly rowNames: readonly RowName[];
  private order = 0;
  private clientsUnderWay = 0;

  constructor(
    readonly seed: number,
    protections: Protections = {},
    configuration: Partial<CacheConfiguration> = {},
  ) {
    this.random = seededRandom(seed);
    this.rowNames = this.random.pick(casts);
    this.network = new SimulatedNetwork(this.random, (line) => this.note(line), this.random() < 0.5);
    this.caches = ['P0', 'P1', 'P2'].map(
      (process) =>
        new TieredCache(
          {
            name: process,
            namespace: 'n',
            packageVersion: '1',
            store: this.network.between(process, this.store),
            // Room for many more entries than there are rows: of each cache, room for 10,000 costs more time to make than its story.
            process: { maxEntries: 100 },
            coherence: { interval: intervalMs, blindFor: 0 },
            scope: this.scope,
            clock: this.clock,
            random: this.random,
            ...configuration,
          },
          protections,
        ),
    );
  }

  /** Resolves when everything that was begun has ended and been checked. */
  async run(turns: number): Promise<void> {
    for (const cache of this.caches) await cache.open();
    for (let turn = 0; turn < turns; turn++) await this.turn();
    await this.calmDown();
    for (const [process, cache] of this.caches.entries()) {
      for (const key of this.rowNames)
        this.client(`check ${key}`, process, async () => this.lookup(process, cache, key));
    }
    await this.calmDown();
    if (this.clientsUnderWay > 0) this.violations.push(`${this.clientsUnderWay} calls never came back`);
    const closing = Promise.all(this.caches.map((cache) => cache.close()));
    while (this.network.underWay > 0) await this.deliver();
    await closing;
  }

  private async turn(): Promise<void> {
    const draw = this.random();
    if (draw < 0.55 && this.network.underWay > 0) return this.deliver();
    if (draw < 0.8 && this.clientsUnderWay < 8) this.begin();
    else if (draw < 0.92) await this.advance(this.random.pick([5, 30, 100, 400, 1_000]));
    else if (draw < 0.94) await this.advance(this.random.pick([2_000, 4_000, 12_000]));
    else if (draw < 0.97) this.network.loseOne();
    else await this.evict();
    await this.settle();
  }

  private begin(): void {
    const process = this.random.integer(0, 2);
    const cache = this.caches[process] as TieredCache;
    const key = this.random.pick(this.rowNames);
    const draw = this.random();
    if (draw < 0.4) this.client(`getOrSet ${key}`, process, () => this.read(process, cache, key));
    else if (draw < 0.5) this.client(`lookup ${key}`, process, () => this.lookup(process, cache, key));
    else if (draw < 0.6) this.client('getOrSetMany', process, () => this.readMany(process, cache));
    else if (draw < 0.65) this.client(`forced ${key}`, process, () => this.forced(process, cache, key));
    else if (draw < 0.72) this.client(`request ${key}`, process, () => this.request(process, cache, key));
    else if (draw < 0.88) this.client(`invalidate ${key}`, process, () => this.invalidate(process, cache, key));
    else if (draw < 0.95) this.client(`set ${key}`, process, () => this.set(process, cache, key));
    else this.client(`update ${key}`, process, () => this.update(process, cache, key));
  }

  private client(what: string, process: number, work: () => Promise<unknown>): void {
    this.clientsUnderWay++;
    this.note(`P${process} ${what} begins`);
    work().then(
      (answer) => this.ended(`P${process} ${what}: ${JSON.stringify(answer)}`),
      (error: unknown) => this.ended(`P${process} ${what}: ${String(error)}`),
    );
  }

  private ended(line: string): void {
    this.clientsUnderWay--;
    this.note(line);
  }

  private options(key: RowName): EntryOptions<Row> {
    return {
      ttl: this.random.pick([400, 5_000, 60_000]),
      staleFor: this.random.pick([0, 60_000]),
      earlyRefresh: this.random.pick([0, 0, 1]),
      ...(isTagged(key) && { tags: ['t'] }),
    };
  }

  private async load(process: number, key: RowName): Promise<Row> {
    await this.network.pause(`P${process} loads ${key}`);
    const version = this.rows.get(key) as number;
    await this.network.pause(`P${process} loaded ${key} ${version}`);
    if (this.random() < 0.05) throw new Error('source in trouble');
    return { version };
  }

  private async read(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    const began = this.moment();
    const row = await cache.getOrSet<Row>(key, () => this.load(process, key), this.options(key));
    return this.check('getOrSet', key, row, process, began);
  }

  private async lookup(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    const began = this.moment();
    return this.check('lookup', key, await cache.get<Row>(key), process, began);
  }

  private async readMany(process: number, cache: TieredCache): Promise<(number | undefined)[]> {
    const began = this.moment();
    const loadMissing = async (missing: readonly string[]): Promise<[string, Row][]> =>
      Promise.all(missing.map(async (key): Promise<[string, Row]> => [key, await this.load(process, key as RowName)]));
    // One set of tags for all keys of a bulk: the tagged row is read alone.
    const rows = await cache.getOrSetMany<Row, string>(['a', 'b', 'a'], loadMissing, this.options('a'));
    return rows.map((row, index) => this.check('getOrSetMany', index === 1 ? 'b' : 'a', row, process, began));
  }

  private async forced(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    return this.scope.run(() => {
      this.scope.forceMiss();
      return this.read(process, cache, key);
    });
  }

  /** Reads, writes and reads again in one request, which may go on with what it has read, and never falls behind what it wrote. */
  private async request(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    return this.scope.run(async () => {
      const began = this.moment();
      const early = this.read(process, cache, key);
      early.catch(() => {});
      await this.network.pause(`P${process} thinks`);
      const written = this.random() < 0.5 ? await this.invalidate(process, cache, key) : undefined;
      await early.catch(() => {});
      const other = this.rowNames.find((one) => one !== key && isTagged(one) === isTagged(key));
      if (other) await this.lookup(process, cache, other);
      const row = await cache.get<Row>(key);
      if (row && written !== undefined && row.version < written) {
        this.violations.push(`a request read ${key} ${row.version} after it had written ${written}`);
      }
      return this.check('get in a request', key, row, process, began);
    });
  }

  private async invalidate(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    if (this.writing.has(key)) return undefined;
    const version = this.newVersion(key);
    const acknowledged = isTagged(key) ? await cache.invalidateTags('t') : await cache.delete(key);
    if (acknowledged) this.history.acknowledge(key, version, process, this.moment());
    return acknowledged ? version : undefined;
  }

  /** One writer at a time for each row: whose value comes last is not the cache's to decide. */
  private async set(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    if (this.writing.has(key)) return undefined;
    this.writing.add(key);
    try {
      const version = this.newVersion(key);
      const acknowledged = await cache.set<Row>(key, { version }, this.options(key));
      if (acknowledged) this.history.acknowledge(key, version, process, this.moment());
      return version;
    } finally {
      this.writing.delete(key);
    }
  }

  private async update(process: number, cache: TieredCache, key: RowName): Promise<number | undefined> {
    if (this.writing.has(key)) return undefined;
    this.writing.add(key);
    try {
      const version = this.newVersion(key);
      await cache.update<Row>(key, () => ({ version }), this.options(key));
      this.history.acknowledge(key, version, process, this.moment());
      return version;
    } finally {
      this.writing.delete(key);
    }
  }

  private newVersion(key: RowName): number {
    const version = (this.rows.get(key) as number) + 1;
    this.rows.set(key, version);
    return version;
  }

  private check(how: string, key: RowName, row: Row | undefined, process: number, began: Moment): number | undefined {
    if (!row) return undefined;
    const oldest = this.history.oldestAllowed(key, process, began);
    if (row.version < oldest) {
      const violation = `P${process} ${how} ${key}: ${row.version}, though ${oldest} was acknowledged`;
      this.violations.push(violation);
      this.note(`VIOLATION ${violation}`);
    }
    return row.version;
  }

  /** As memory pressure and restarts do: of an entry, a stub, a generation, the list of versions. */
  private async evict(): Promise<void> {
    const suffix = this.random.pick([':a', ':b', ':tag1', ':a~r', '~tag:t', '~versions']);
    const key = suffix.startsWith('~') ? `n${suffix}` : `n:1:${suffix}`;
    const outcome = await this.store.shards[0].remove(key);
    if (outcome === 'removed') this.note(`EVICTED ${key}`);
  }

  private async advance(delayMs: number): Promise<void> {
    this.note(`+${delayMs} ms`);
    await this.clock.advanceTo(this.clock.now() + delayMs, () => this.settle());
  }

  /** No more faults, and time for everything to end: for waiting, for leases to run out, for writes to be sent again. */
  private async calmDown(): Promise<void> {
    for (const delayMs of [0, 100, 300, 1_000, 2_000, 3_000, 30_000, 30_000, 30_000]) {
      await this.advance(delayMs);
      while (this.network.underWay > 0) await this.deliver();
      if (delayMs >= 3_000 && this.clientsUnderWay === 0) return;
    }
  }

  private async deliver(): Promise<void> {
    await this.network.deliverOne();
    await this.settle();
  }

  /** All that follows without waiting has happened when this resolves. */
  private async settle(): Promise<void> {
    await setImmediate();
  }

  private moment(): Moment {
    return { at: this.clock.now(), order: this.order++ };
  }

  private note(line: string): void {
    this.trace.push(line);
  }
}
