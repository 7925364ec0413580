import { describe, expect, it } from '@jest/globals';
import {
  BrokenHistoryError,
  neverOlderThanAcknowledged,
  SimulatedTable,
  simulate,
} from '../../../src/testing/simulation.js';
import type { SimulatedProcess, Simulation, Versions } from '../../../src/testing/simulation.js';

/** The service of docs/simulation.md. */
class Courses {
  constructor(
    private readonly process: SimulatedProcess,
    private readonly table: SimulatedTable,
    private readonly order: 'invalidates first' | 'commits first',
  ) {}

  find(): Promise<number> {
    return this.process.cache.getOrSet('course', () => this.table.read(this.process, 'course'), { ttl: '1h' });
  }

  async rename(): Promise<Versions | undefined> {
    const transaction = this.table.begin(this.process);
    await transaction.write('course');
    const early = this.order === 'invalidates first' ? await this.process.cache.delete('course') : true;
    const versions = await transaction.commit();
    const late = this.order === 'commits first' ? await this.process.cache.delete('course') : true;
    return early && late ? versions : undefined;
  }
}

const simulationOf = (order: 'invalidates first' | 'commits first'): Simulation<SimulatedTable, Courses> => ({
  shared: () => new SimulatedTable(),
  start: (process, table) => new Courses(process, table, order),
  operations: {
    find: { reads: async ({ service }) => ({ course: await service.find() }) },
    rename: { writes: ({ service }) => service.rename() },
  },
  holds: [neverOlderThanAcknowledged({ within: '6.5s' })],
  seeds: 100,
});

describe('a service that invalidates before it commits', () => {
  it('is found out: the error has the seed, and a history of few lines in which a load falls in between', async () => {
    const error = await simulate(simulationOf('invalidates first')).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BrokenHistoryError);
    const { seed, violations, picture, message, history } = error as BrokenHistoryError;
    expect(violations[0]).toMatch(/^P\d was given course \d+, though \d+ was acknowledged before it asked$/);
    expect(history.calls.filter(({ operation }) => operation === 'rename').length).toBeLessThanOrEqual(2);
    expect(picture.split('\n').length).toBeLessThan(60);
    const read = picture.lastIndexOf('is given course 1 by the table');
    expect(picture.indexOf('invalidate n:1::course')).toBeLessThan(read);
    expect(picture.slice(read)).toMatch(/rename ends: course \d/);
    expect(message).toContain(`seeds: [${seed}]`);

    const again = simulate({ ...simulationOf('invalidates first'), seeds: [seed] });
    await expect(again).rejects.toMatchObject({ code: 'BROKEN_HISTORY', picture });
  });

  it('is mended by committing first', async () => {
    const { stories, resolved, faults, acknowledged } = await simulate({ ...simulationOf('commits first'), seeds: 40 });
    expect(stories).toBe(40);
    expect(resolved['find']).toBeGreaterThan(200);
    expect(acknowledged).toBeGreaterThan(120);
    expect(faults).toBeGreaterThan(40);
  });
});
