import type { RequestScope } from '../../../src/near/request-scope.js';
import type { PageWorld, Parts, RowName, SimulatedProcess, TaggedRow, WholeName } from './page-world.js';
import { drawServing, servingProblem } from './story-servings.js';
import type { ServedValue } from './story-servings.js';

/** All ways in which the processes of a story read; each checks what it is given. */
export class PageReaders {
  private readonly handedOut = new Set<object>();
  /** By process: how many loads of the row that comes and goes are under way, and were begun. */
  private readonly noneLoads = new Map<string, { underWay: number; begun: number }>();

  constructor(
    private readonly world: PageWorld,
    private readonly scope: RequestScope,
  ) {}

  async whole(process: SimulatedProcess, whole: WholeName): Promise<Parts> {
    const began = this.world.moment();
    return this.world.check(process, whole, await this.loadWhole(process, whole), began);
  }

  async refreshedWhole(process: SimulatedProcess, whole: WholeName): Promise<Parts> {
    const parts = await this.whole(process, whole);
    this.world.checkRefreshed(process, whole, parts);
    return parts;
  }

  async get(process: SimulatedProcess, whole: WholeName): Promise<Parts | undefined> {
    const began = this.world.moment();
    const parts = await process.cache.get<Parts>(whole);
    return parts && this.world.check(process, whole, parts, began);
  }

  async row(process: SimulatedProcess, row: TaggedRow): Promise<Parts> {
    const began = this.world.moment();
    return this.world.check(process, '', await this.loadRow(process, row), began);
  }

  async many(process: SimulatedProcess): Promise<unknown> {
    const began = this.world.moment();
    const found = await this.loadMany(process);
    for (const parts of found) if (parts) this.world.check(process, '', parts, began);
    return found;
  }

  /** Reads a part, goes on, and loads the whole: what it has read before is a copy like any other. */
  request(process: SimulatedProcess, whole: WholeName): Promise<Parts> {
    return this.scope.run(async () => {
      const began = this.world.moment();
      await this.loadRow(process, 'in1').catch(() => undefined);
      await this.world.pause(`${process.name} thinks`);
      return this.world.check(process, whole, await this.loadWhole(process, whole), began);
    });
  }

  forced(process: SimulatedProcess, whole: WholeName): Promise<Parts> {
    return this.scope.run(async () => {
      this.scope.forceMiss();
      return this.whole(process, whole);
    });
  }

  /** Of the row that comes and goes: versions that are even say "there is none", in either of two ways. */
  async none(process: SimulatedProcess): Promise<number | undefined> {
    const began = this.world.moment();
    const answers = this.world.random() < 0.5;
    let toldNone = 0;
    const load = async (): Promise<Parts | undefined> => {
      const { version, isAlone } = await this.loadedNone(process);
      if (version % 2 === 1) return { none: version };
      // Of two loads beside each other, the other one may be the one whose fill stands.
      if (isAlone) toldNone = version;
      if (answers) return undefined;
      throw Object.assign(new Error('there is none'), { status: 404 });
    };
    try {
      const found = await process.cache.getOrSet<Parts | undefined>('none', load, this.world.life());
      if (found) return this.world.check(process, '', found, began)['none'];
    } catch (error) {
      if ((error as { status?: number }).status !== 404) throw error;
    }
    // What this process was served before is gone at once; where something is lost, as soon as its life is over. Others are told by whoever deletes.
    if (toldNone > 0 && !this.world.faulty) this.world.acknowledgeHere(process, { none: toldNone });
    return undefined;
  }

  private async loadedNone(process: SimulatedProcess): Promise<{ version: number; isAlone: boolean }> {
    const { name } = process;
    const loads = this.noneLoads.get(name) ?? { underWay: 0, begun: 0 };
    this.noneLoads.set(name, loads);
    const isFirst = loads.underWay++ === 0;
    const number = ++loads.begun;
    try {
      const version = await this.world.source(process, 'none');
      return { version, isAlone: isFirst && loads.begun === number };
    } finally {
      loads.underWay--;
    }
  }

  async mixed(process: SimulatedProcess): Promise<unknown> {
    const began = this.world.moment();
    const asked = drawServing(this.world.random);
    const load = async (): Promise<ServedValue> => {
      const version = await this.world.source(process, 'mixed');
      return { version, schema: asked.schema ?? 'any', codec: asked.codec };
    };
    const options = { ...this.world.life(), ...asked.options };
    const value = await process.cache.getOrSet<ServedValue>('mixed', load, options);
    const problem = servingProblem(value, asked, this.handedOut);
    if (problem) this.world.violated(`${process.name} mixed: it ${problem}`);
    this.world.check(process, '', { mixed: value.version }, began);
    return value;
  }

  /** Now for this request alone, now for all. */
  async short(process: SimulatedProcess): Promise<Parts> {
    const began = this.world.moment();
    const load = async (): Promise<Parts> => ({ short: await this.world.source(process, 'short') });
    const life = this.world.random() < 0.5 ? { ttl: 0 } : this.world.life();
    return this.world.check(process, '', await process.cache.getOrSet<Parts>('short', load, life), began);
  }

  private loadRow(process: SimulatedProcess, row: TaggedRow): Promise<Parts> {
    const load = async (): Promise<Parts> => ({ [row]: await this.world.source(process, row) });
    return process.cache.getOrSet<Parts>(row, load, this.world.tagged());
  }

  private loadWhole(process: SimulatedProcess, whole: WholeName): Promise<Parts> {
    const load = whole === 'page' ? () => this.buildPage(process) : () => this.buildBook(process);
    return process.cache.getOrSet<Parts>(whole, load, this.world.tagged());
  }

  private async buildPage(process: SimulatedProcess): Promise<Parts> {
    const draw = this.world.random();
    if (draw < 0.6) return { ...(await this.loadRow(process, 'in1')), ...(await this.loadRow(process, 'in2')) };
    const parts =
      draw < 0.8
        ? await Promise.all([this.loadRow(process, 'in1'), this.loadRow(process, 'in2')])
        : await this.loadMany(process);
    return Object.assign({}, ...parts) as Parts;
  }

  private async buildBook(process: SimulatedProcess): Promise<Parts> {
    const looked = this.world.random() < 0.3 ? await process.cache.get<Parts>('page') : undefined;
    if (this.world.random() < 0.3) await this.world.pause(`${process.name} thinks of the book`);
    return { ...(looked ?? (await this.loadWhole(process, 'page'))) };
  }

  private loadMany(process: SimulatedProcess): Promise<(Parts | undefined)[]> {
    const load = async (missing: readonly string[]): Promise<[string, Parts][]> =>
      Promise.all(missing.map(async (row) => [row, { [row]: await this.world.source(process, row as RowName) }]));
    return process.cache.getOrSetMany<Parts, string>(['in1', 'in2'], load, this.world.tagged());
  }
}
