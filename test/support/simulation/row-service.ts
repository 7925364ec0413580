import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import type { History, SeededRandom, SimulatedProcess, Versions } from '../../../src/testing/simulation.js';

interface Row {
  readonly version: number;
}

export const rowNames = ['a', 'b', 'tag1', 'tag2'] as const;
export type RowName = (typeof rowNames)[number];
const isTagged = (row: RowName): boolean => row.startsWith('tag');

/** What the processes share: the rows that are loaded, and who is writing which. */
export class Rows {
  readonly writing = new Set<RowName>();
  private readonly versions = new Map<RowName, number>();

  version(row: RowName): number {
    return this.versions.get(row) ?? 1;
  }

  change(row: RowName): number {
    const version = this.version(row) + 1;
    this.versions.set(row, version);
    return version;
  }
}

/** All ways in which one process reads and writes rows through its cache. */
export class RowService {
  constructor(
    private readonly process: SimulatedProcess,
    private readonly rows: Rows,
  ) {}

  async read(row: RowName, draw: SeededRandom): Promise<Versions> {
    const load = (): Promise<Row> => this.load(row, draw);
    return seen(row, await this.process.cache.getOrSet<Row>(row, load, this.options(row, draw)));
  }

  async lookUp(row: RowName): Promise<Versions> {
    return seen(row, await this.process.cache.get<Row>(row));
  }

  async readMany(draw: SeededRandom): Promise<Versions> {
    const load = async (missing: readonly string[]): Promise<[string, Row][]> =>
      Promise.all(missing.map(async (row): Promise<[string, Row]> => [row, await this.load(row as RowName, draw)]));
    // One set of tags for all keys of a bulk: the tagged rows are read alone.
    const options = this.options('a', draw);
    const [a, b] = await this.process.cache.getOrSetMany<Row, string>(['a', 'b', 'a'], load, options);
    return { ...seen('a', a), ...seen('b', b) };
  }

  readForced(row: RowName, draw: SeededRandom): Promise<Versions> {
    return this.process.scope.run(() => {
      this.process.scope.forceMiss();
      return this.read(row, draw);
    });
  }

  /** Reads, writes and reads again in one request, which may go on with what it has read, and never falls behind what it wrote. */
  request(row: RowName, draw: SeededRandom, history: History): Promise<void> {
    return this.process.scope.run(async () => {
      const began = history.moment();
      const early = this.read(row, draw).catch(() => ({}));
      await this.process.step('thinks');
      const written = draw() < 0.5 ? await this.invalidate(row) : undefined;
      if (written) history.acknowledge(this.process.name, row, written[row] as number);
      const since = written ? history.moment() : began;
      await early;
      const other = rowNames.find((one) => one !== row && isTagged(one) === isTagged(row));
      if (other) await this.lookUp(other);
      const { [row]: version } = await this.lookUp(row);
      if (version !== undefined) history.read(this.process.name, row, version, since);
    });
  }

  async invalidate(row: RowName): Promise<Versions | undefined> {
    if (this.rows.writing.has(row)) return undefined;
    const version = this.rows.change(row);
    const { cache } = this.process;
    return (isTagged(row) ? await cache.invalidateTags('t') : await cache.delete(row)) ? { [row]: version } : undefined;
  }

  set(row: RowName, draw: SeededRandom): Promise<Versions | undefined> {
    return this.alone(row, (version) => this.process.cache.set<Row>(row, { version }, this.options(row, draw)));
  }

  update(row: RowName, draw: SeededRandom): Promise<Versions | undefined> {
    return this.alone(row, async (version) => {
      await this.process.cache.update<Row>(row, () => ({ version }), this.options(row, draw));
      return true;
    });
  }

  /** One writer at a time for each row: whose value comes last is not the cache's to decide. */
  private async alone(row: RowName, write: (version: number) => Promise<boolean>): Promise<Versions | undefined> {
    if (this.rows.writing.has(row)) return undefined;
    this.rows.writing.add(row);
    try {
      const version = this.rows.change(row);
      return (await write(version)) ? { [row]: version } : undefined;
    } finally {
      this.rows.writing.delete(row);
    }
  }

  private async load(row: RowName, draw: SeededRandom): Promise<Row> {
    await this.process.step(`loads ${row}`);
    const version = this.rows.version(row);
    await this.process.step(`loaded ${row} ${version}`);
    if (draw() < 0.05) throw new Error('source in trouble');
    return { version };
  }

  private options(row: RowName, draw: SeededRandom): EntryOptions<Row> {
    return {
      ttl: draw.pick([400, 5_000, 60_000]),
      staleFor: draw.pick([0, 60_000]),
      earlyRefresh: draw.pick([0, 0, 1]),
      ...(isTagged(row) && { tags: ['t'] }),
    };
  }
}

const seen = (name: RowName, row: Row | undefined): Versions => ({ [name]: row?.version });
