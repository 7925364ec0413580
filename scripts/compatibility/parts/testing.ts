// What users' tests need: stores replaced, a clock that is told the time, events, and the contract suites with any runner.
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { json, Memoize, memoryStore, TieredCacheModule } from 'nestjs-tiered-cache';
import { codecContract, FakeClock, recordEvents, replaceStores, storeContract } from 'nestjs-tiered-cache/testing';
import { neverOlderThanAcknowledged, SimulatedTable, simulate } from 'nestjs-tiered-cache/testing/simulation';

@Injectable()
class Courses {
  asked = 0;

  @Memoize({ ttl: '5m' })
  async bySlug(slug: string): Promise<string> {
    return `${slug} ${++this.asked}`;
  }
}

@Module({ imports: [TieredCacheModule.forRoot()], providers: [Courses] })
class AppModule {}

export async function testing(): Promise<void> {
  const clock = new FakeClock();
  const app = await replaceStores(Test.createTestingModule({ imports: [AppModule] }), { clock }).compile();
  const events = recordEvents('hit', 'miss', 'loadStarted');
  const courses = app.get(Courses);
  const answers = [await courses.bySlug('cs50')];
  for (const time of ['4m', '1m'] as const) {
    await clock.advance(time);
    answers.push(await courses.bySlug('cs50'));
  }
  assert.deepEqual(answers, ['cs50 1', 'cs50 1', 'cs50 2']);
  events.stop();
  assert.deepEqual(events.transcript, ['miss', 'loadStarted', 'hit', 'miss', 'loadStarted']);
  await app.close();
  await contracts();
  await simulation();
}

async function simulation(): Promise<void> {
  const { stories } = await simulate({
    shared: () => new SimulatedTable(),
    start: (_process, table) => table,
    operations: {
      find: {
        reads: async ({ service: table, process }) => ({
          row: await process.cache.getOrSet('row', () => table.read(process, 'row')),
        }),
      },
    },
    holds: [neverOlderThanAcknowledged({ within: '6.5s' })],
    seeds: 5,
  });
  assert.equal(stories, 5);
}

async function contracts(): Promise<void> {
  const tests: { readonly name: string; readonly test: () => void | Promise<void> }[] = [];
  const runner = {
    describe: (_name: string, define: () => void) => define(),
    it: (name: string, test: () => void | Promise<void>) => void tests.push({ name, test }),
  };
  const open = async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    await store.open();
    return { store, clock, advance: (ms: number) => clock.advance(ms), dispose: () => store.close() };
  };
  storeContract(runner, { name: 'memory', open, tooLargeBytes: 2 ** 24 });
  codecContract(runner, { make: () => json(), values: [null, { a: [1, 'two'] }], refused: [NaN] });
  assert.ok(tests.length > 20);
  for (const { name, test } of tests) {
    try {
      await test();
    } catch (error) {
      throw new Error(`the contract "${name}" is broken`, { cause: error });
    }
  }
}
