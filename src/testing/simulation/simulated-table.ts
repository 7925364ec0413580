import type { SimulatedProcess } from './simulated-process.js';

/**
 * A table that all processes of a simulation share. Of each row it knows a number, its version: 1 at the beginning, and one more with each commit. What
 * it is asked takes a while to arrive, and its answer a while to come back.
 *
 * @example
 * const table = new SimulatedTable();
 * const version = await table.read(process, 'course');
 * const transaction = table.begin(process);
 * await transaction.write('course');
 * const { course } = await transaction.commit();
 */
export class SimulatedTable {
  private readonly versions = new Map<string, number>();

  /** The version that is committed when the question arrives, one moment between the call and its return. */
  async read(process: SimulatedProcess, row: string): Promise<number> {
    await process.step(`asks the table for ${row}`);
    const version = this.committed(row);
    await process.step(`is given ${row} ${version} by the table`);
    return version;
  }

  /** What is written in it is seen by nobody before it is committed. */
  begin(process: SimulatedProcess): SimulatedTransaction {
    return new SimulatedTransaction(process, (row) => {
      const version = this.committed(row) + 1;
      this.versions.set(row, version);
      return version;
    });
  }

  /** The version that is committed now. It takes no time: for a check, not for a service. */
  committed(row: string): number {
    return this.versions.get(row) ?? 1;
  }
}

/** Changes that become visible all at once. One that is not committed, as that of a process that crashed, leaves nothing behind. */
export class SimulatedTransaction {
  private readonly rows = new Set<string>();

  constructor(
    private readonly process: SimulatedProcess,
    private readonly commitRow: (row: string) => number,
  ) {}

  async write(row: string): Promise<void> {
    await this.process.step(`writes ${row}, not yet committed`);
    this.rows.add(row);
  }

  /** @returns the new version of each row that was written. */
  async commit(): Promise<Readonly<Record<string, number>>> {
    await this.process.step(`commits ${[...this.rows].join(' ')}`);
    const versions = Object.fromEntries([...this.rows].map((row) => [row, this.commitRow(row)]));
    this.rows.clear();
    await this.process.step('knows that it has committed');
    return versions;
  }
}
