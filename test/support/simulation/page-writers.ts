import { StoreUnavailableError } from '../../../src/value/errors.js';
import { wholes } from './page-world.js';
import type { PageWorld, Parts, SimulatedProcess, TaggedRow } from './page-world.js';

/** All ways in which the processes of a story invalidate rows together with what is built from them. */
export class PageWriters {
  constructor(private readonly world: PageWorld) {}

  async invalidateTag(process: SimulatedProcess): Promise<void> {
    if (this.isWriting('in1', 'in2')) return;
    const changed = this.world.change('in1', 'in2');
    if (await process.cache.invalidateTags('t')) this.world.acknowledge(process, changed, ['', ...wholes]);
  }

  async deleteMany(process: SimulatedProcess, row: TaggedRow): Promise<void> {
    if (this.isWriting(row)) return;
    const changed = this.world.change(row);
    if (await process.cache.deleteMany([row, ...wholes])) this.world.acknowledge(process, changed, ['', ...wholes]);
  }

  /** One writer at a time for each row: whose value comes last is not the cache's to decide. */
  async setThenDelete(process: SimulatedProcess, row: TaggedRow): Promise<void> {
    if (this.isWriting(row)) return;
    this.world.writing.add(row);
    try {
      const changed = this.world.change(row);
      if (!(await process.cache.set<Parts>(row, changed, this.world.tagged()))) return;
      this.world.acknowledge(process, changed, ['']);
      if (await process.cache.deleteMany(wholes)) this.world.acknowledge(process, changed, wholes);
    } finally {
      this.world.writing.delete(row);
    }
  }

  /** The parts in one call, then the wholes. */
  async setManyThenDelete(process: SimulatedProcess): Promise<void> {
    if (this.isWriting('in1', 'in2')) return;
    for (const row of ['in1', 'in2'] as const) this.world.writing.add(row);
    try {
      const changed = this.world.change('in1', 'in2');
      const entries = (['in1', 'in2'] as const).map(
        (row) => [row, { [row]: changed[row] as number }, this.world.tagged()] as const,
      );
      if (!(await process.cache.setMany<Parts>(entries))) return;
      this.world.acknowledge(process, changed, ['']);
      if (await process.cache.deleteMany(wholes)) this.world.acknowledge(process, changed, wholes);
    } finally {
      for (const row of ['in1', 'in2'] as const) this.world.writing.delete(row);
    }
  }

  async clear(process: SimulatedProcess): Promise<void> {
    if (this.isWriting('in1', 'in2')) return;
    const changed = this.world.change('in1', 'in2', 'mixed');
    try {
      await process.cache.dangerouslyClear();
    } catch (error) {
      if (error instanceof StoreUnavailableError) return;
      throw error;
    }
    this.world.acknowledge(process, changed, ['', ...wholes]);
  }

  async expireTag(process: SimulatedProcess): Promise<void> {
    if (this.isWriting('in1', 'in2')) return;
    const changed = this.world.change('in1', 'in2');
    if (await process.cache.expireTags('t')) this.world.noteExpired(changed);
  }

  async expireKeys(process: SimulatedProcess, row: TaggedRow): Promise<void> {
    if (this.isWriting(row)) return;
    const changed = this.world.change(row);
    for (const key of [row, ...wholes]) if (!(await process.cache.expire(key))) return;
    this.world.noteExpired(changed);
  }

  async other(process: SimulatedProcess, row: 'none' | 'mixed' | 'short'): Promise<void> {
    const changed = this.world.change(row);
    if (await process.cache.delete(row)) this.world.acknowledge(process, changed, ['']);
  }

  private isWriting(...rows: readonly TaggedRow[]): boolean {
    return rows.some((row) => this.world.writing.has(row));
  }
}
