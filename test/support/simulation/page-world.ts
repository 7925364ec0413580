import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import type { EntryOptions } from '../../../src/catalogue/entry-options.js';
import type { SeededRandom } from '../seeded-random.js';
import { SimulatedHistory } from './simulated-history.js';
import type { Moment } from './simulated-history.js';
import type { VirtualClock } from '../../../src/testing/simulation/virtual-clock.js';
import { SimulatedHost } from '../../../src/testing/simulation/simulated-host.js';
import type { SimulatedNetwork } from '../../../src/testing/simulation/simulated-network.js';

/** The versions of the rows that an entry was built from. */
export type Parts = Readonly<Record<string, number>>;

export interface SimulatedProcess {
  readonly name: string;
  readonly index: number;
  readonly cache: TieredCache;
  readonly host: SimulatedHost;
  /** Calls that have not come back. */
  underWay: number;
}

/** What changes in a story: two rows with a tag, one that comes and goes, one that several key classes ask for, one of short lives. */
export const rowNames = ['in1', 'in2', 'none', 'mixed', 'short'] as const;
export type RowName = (typeof rowNames)[number];
export type TaggedRow = 'in1' | 'in2';
/** Entries that are built: `page` from the tagged rows, `book` from `page`. */
export const wholes = ['page', 'book'] as const;
export type WholeName = (typeof wholes)[number];

/** The options of entries of any type. */
export type AnyLife = Pick<EntryOptions, 'staleFor' | 'earlyRefresh' | 'tags'> & { readonly ttl: number };

/** The rows of a story, what was acknowledged of them, and what may be served. It knows nothing of how a cache works. */
export class PageWorld {
  readonly trace: string[] = [];
  readonly violations: string[] = [];
  /** Something was lost, away, evicted, or a clock was set. */
  faulty = false;
  /** The story is being told to its end: sources answer, and nothing is lost any more. */
  ending = false;
  loads = 0;
  /** Whose loads landed just now, and are kept nowhere: somebody has written since they began, or they outlasted their life. By process and key. */
  readonly overtaken = new Set<string>();
  readonly writing = new Set<string>();
  private readonly rows = new Map<string, number>(rowNames.map((row) => [row, 1]));
  private readonly history: SimulatedHistory;
  private readonly expired = new Map<string, number>();
  private readonly elsewhere: SimulatedHost;
  private order = 0;
  private readonly given = new Map<string, { readonly version: number; readonly order: number }[]>();

  constructor(
    readonly random: SeededRandom,
    readonly clock: VirtualClock,
    readonly network: () => SimulatedNetwork,
    boundMs: number,
  ) {
    this.history = new SimulatedHistory(boundMs);
    this.elsewhere = new SimulatedHost('elsewhere', clock);
  }

  life(): AnyLife {
    return {
      ttl: this.random.pick([400, 5_000, 60_000]),
      staleFor: this.random.pick([0, 60_000]),
      earlyRefresh: this.random.pick([0, 0, 1]),
    };
  }

  tagged(): AnyLife {
    return { ...this.life(), tags: ['t'] };
  }

  /** What a loader is given, some time between its begin and its end. */
  async source({ name }: SimulatedProcess, row: RowName): Promise<number> {
    this.loads++;
    await this.pause(`${name} loads ${row}`);
    const version = this.rows.get(row) as number;
    await this.pause(`${name} loaded ${row} ${version}`);
    if (!this.ending && this.random() < 0.05) throw new Error('source in trouble');
    return version;
  }

  pause(what: string): Promise<void> {
    return this.network().pause(this.elsewhere, what);
  }

  change(...rows: readonly RowName[]): Parts {
    return Object.fromEntries(
      rows.map((row) => {
        const version = (this.rows.get(row) as number) + 1;
        this.rows.set(row, version);
        return [row, version];
      }),
    );
  }

  /** These versions were acknowledged to be invalidated: of the rows by themselves, and in what is built from them. */
  acknowledge({ name }: SimulatedProcess, changed: Parts, owners: readonly (WholeName | '')[]): void {
    for (const [row, version] of Object.entries(changed)) {
      for (const owner of owners) this.history.acknowledge(`${owner}/${row}`, version, name, this.moment());
    }
  }

  /** As `acknowledge`, for this process alone. */
  acknowledgeHere({ name }: SimulatedProcess, changed: Parts): void {
    const { order } = this.moment();
    for (const [row, version] of Object.entries(changed)) {
      this.history.acknowledge(`/${row}`, version, name, { at: Infinity, order });
    }
  }

  /** Stale values of these may be served, and nothing that is loaded from now on may be built on them. */
  noteExpired(changed: Parts): void {
    for (const [row, version] of Object.entries(changed)) {
      this.expired.set(row, Math.max(version, this.expired.get(row) ?? 0));
    }
  }

  check({ name }: SimulatedProcess, owner: WholeName | '', parts: Parts, began: Moment): Parts {
    for (const [row, version] of Object.entries(parts)) {
      // What is kept by nobody says nothing of what is read next.
      const isKept = row !== 'short' && !this.overtaken.has(`${name} ${owner || row}`);
      if (!this.faulty && isKept) this.checkForward(`${name} ${owner}/${row}`, version, began);
      const oldest = this.history.oldestAllowed(`${owner}/${row}`, name, began);
      if (version < oldest) {
        this.violated(`${name} ${owner}/${row}: ${version}, though ${oldest} was acknowledged before ${began.order}`);
      }
    }
    return parts;
  }

  /** Where nothing fails, a process never goes back behind what it has been given. */
  private checkForward(what: string, version: number, began: Moment): void {
    const given = this.given.get(what) ?? [];
    const newer = given.find((one) => one.order < began.order && one.version > version);
    if (newer) this.violated(`${what}: ${version}, though ${newer.version} was given before`);
    given.push({ version, order: this.order++ });
    this.given.set(what, given);
  }

  /** As `check`, once what was expired has been refreshed. */
  checkRefreshed({ name }: SimulatedProcess, owner: WholeName, parts: Parts): void {
    for (const [row, version] of Object.entries(parts)) {
      const oldest = this.expired.get(row) ?? 0;
      if (version < oldest) this.violated(`${name} ${owner}/${row}: ${version}, though ${oldest} was expired`);
    }
  }

  violated(violation: string): void {
    this.violations.push(violation);
    this.note(`VIOLATION ${violation}`);
  }

  moment(): Moment {
    return { at: this.clock.now(), order: this.order++ };
  }

  note(line: string): void {
    this.trace.push(line);
  }
}
