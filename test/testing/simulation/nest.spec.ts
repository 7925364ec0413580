import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { Memoize } from '../../../src/decorator/memoize.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { getTieredCacheToken } from '../../../src/cache/injection-tokens.js';
import { TieredCacheModule } from '../../../src/module/tiered-cache.module.js';
import { replaceStores } from '../../../src/testing/replace-stores.js';
import {
  neverGoesBack,
  neverOlderThanAcknowledged,
  oneLoadAtATime,
  SimulatedTable,
  simulate,
} from '../../../src/testing/simulation.js';
import type {
  Check,
  OperationContext,
  SimulatedProcess,
  Simulation,
  Versions,
} from '../../../src/testing/simulation.js';

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

@Module({
  imports: ['prices', 'stock'].map((name) =>
    TieredCacheModule.forRoot({ name, namespace: name, packageVersion: '1', warnings: false }),
  ),
})
class ShopModule {}

describe('an application of Nest with named caches', () => {
  const find =
    (name: string) =>
    async ({ service, process, shared }: OperationContext<SimulatedTable, TestingModule>): Promise<Versions> => {
      const cache = service.get<TieredCache>(getTieredCacheToken(name));
      return { [name]: await cache.getOrSet('7', () => shared.read(process, name), { ttl: '2s' }) };
    };

  const everyLoadHasItsOrigin: Check = {
    name: 'every load is noted by its process and its cache',
    violations: ({ loads }) =>
      loads
        .filter(
          ({ process, cache, ended }) => !/^P[01]$/.test(process) || !/^(prices|stock)$/.test(cache ?? '') || !ended,
        )
        .map(({ process, cache }) => `a load of ${process} and ${cache}`),
  };

  it('may load one key in two of them at once', async () => {
    const summary = await simulate<SimulatedTable, TestingModule>({
      shared: () => new SimulatedTable(),
      start: async ({ store, clock, random }) => {
        const builder = Test.createTestingModule({ imports: [ShopModule] });
        return (await replaceStores(builder, { store, clock, random }).compile()).init();
      },
      stop: (app) => app.close(),
      operations: { price: { reads: find('prices') }, stock: { reads: find('stock') } },
      holds: [oneLoadAtATime(), neverGoesBack(), everyLoadHasItsOrigin],
      faults: false,
      seeds: 6,
    });
    expect(summary.resolved['price']).toBeGreaterThan(30);
    expect(summary.resolved['stock']).toBeGreaterThan(30);
  });
});
