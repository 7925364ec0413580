import { Test } from '@nestjs/testing';
import { FakeClock, replaceStores, runDecoratedMethodsDirectly } from 'nestjs-tiered-cache/testing';
import { neverGoesBack, simulate } from 'nestjs-tiered-cache/testing/simulation';
import { Prices, PricesModule } from './prices.js';

// Jest and Vitest have them as globals.
declare const describe: (name: string, tests: () => void) => void;
declare const it: (name: string, test: () => Promise<void>) => void;
declare const expect: (value: unknown) => { toEqual(expected: unknown): void };

describe('prices', () => {
  it('are asked for once in five minutes', async () => {
    const clock = new FakeClock();
    const builder = Test.createTestingModule({ imports: [PricesModule] });
    const app = await replaceStores(builder, { clock }).compile();
    const prices = app.get(Prices);
    expect([await prices.of('abc'), await prices.of('abc'), prices.asked]).toEqual([3, 3, 1]);
    await clock.advance('5m');
    expect([await prices.of('abc'), prices.asked]).toEqual([3, 2]);
    await app.close();
  });

  it('are asked for each time without a cache', async () => {
    const end = runDecoratedMethodsDirectly();
    const prices = new Prices(undefined as never);
    expect([await prices.of('abc'), await prices.of('abc'), prices.asked]).toEqual([3, 3, 2]);
    end();
  });

  it('are the same in a simulated fleet', async () => {
    const { stories } = await simulate({
      shared: () => 3,
      start: (process) => process,
      operations: { of: { reads: async ({ service: { cache } }) => ({ abc: await cache.getOrSet('abc', () => 3) }) } },
      holds: [neverGoesBack()],
      seeds: 3,
    });
    expect(stories).toEqual(3);
  });
});
