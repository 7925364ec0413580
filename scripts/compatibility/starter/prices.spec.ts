import { Test } from '@nestjs/testing';
import { Prices, PricesModule } from './prices.js';

// Jest and Vitest have them as globals.
declare const describe: (name: string, tests: () => void) => void;
declare const it: (name: string, test: () => Promise<void>) => void;
declare const expect: (value: unknown) => { toEqual(expected: unknown): void };

describe('prices', () => {
  it('are asked for once', async () => {
    const app = await Test.createTestingModule({ imports: [PricesModule] }).compile();
    const prices = app.get(Prices);
    expect([await prices.of('abc'), await prices.of('abc'), prices.asked]).toEqual([3, 3, 1]);
    await app.close();
  });
});
