import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { Memoize } from '../../../src/decorator/memoize.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { TieredCacheModule } from '../../../src/module/tiered-cache.module.js';
import { replaceStores } from '../../../src/testing/replace-stores.js';
import { neverOlderThanAcknowledged, SimulatedTable, simulate } from '../../../src/testing/simulation.js';
import type { SimulatedProcess, Simulation, Versions } from '../../../src/testing/simulation.js';

const PROCESS = 'the process';
const TABLE = 'the table';

@Injectable()
class Courses {
  constructor(
    @Inject(PROCESS) private readonly process: SimulatedProcess,
    @Inject(TABLE) private readonly table: SimulatedTable,
    private readonly cache: TieredCache,
  ) {}

  @Memoize({ ttl: '2s', jitter: 0.5, tags: ['courses'] })
  find(row: string): Promise<number> {
    return this.table.read(this.process, row);
  }

  async rename(row: string): Promise<Versions | undefined> {
    const transaction = this.table.begin(this.process);
    await transaction.write(row);
    const versions = await transaction.commit();
    return (await this.cache.invalidateTags('courses')) ? versions : undefined;
  }
}

@Module({ imports: [TieredCacheModule.forRoot({ namespace: 'shop', packageVersion: '1', warnings: false })] })
class AppModule {}

const simulationWith = (chance: 'of the simulation' | 'of the machine'): Simulation<SimulatedTable, TestingModule> => ({
  shared: () => new SimulatedTable(),
  start: async (process, table) => {
    const { store, clock, random } = process;
    const providers = [Courses, { provide: PROCESS, useValue: process }, { provide: TABLE, useValue: table }];
    const builder = Test.createTestingModule({ imports: [AppModule], providers });
    const given = chance === 'of the machine' ? { store, clock } : { store, clock, random };
    const app = await replaceStores(builder, given).compile();
    return app.init();
  },
  stop: (app) => app.close(),
  operations: {
    find: { reads: async ({ service }) => ({ row: await service.get(Courses).find('row') }) },
    rename: { writes: ({ service }) => service.get(Courses).rename('row') },
  },
  holds: [neverOlderThanAcknowledged({ within: '6.5s' })],
  seeds: 6,
});

describe('an application of Nest', () => {
  it('is simulated like any service: with its own modules, decorators and lives with jitter', async () => {
    const { resolved, faults } = await simulate(simulationWith('of the simulation'));
    expect(resolved['find']).toBeGreaterThan(30);
    expect(resolved['rename']).toBeGreaterThan(10);
    expect(faults).toBeGreaterThan(3);
  });

  it('tells two histories where its chance is that of the machine', async () => {
    await expect(simulate(simulationWith('of the machine'))).rejects.toMatchObject({ code: 'UNREPEATABLE_HISTORY' });
  });
});
