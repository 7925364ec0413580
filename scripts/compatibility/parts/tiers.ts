// What a user's first application does: one route over the cache, read twice, with no options and no environment. Then its store by name.
import assert from 'node:assert/strict';
import { Controller, Get, Injectable } from '@nestjs/common';
import { TieredCache, TieredCacheModule, versionedKey } from 'nestjs-tiered-cache';
import type { TieredCacheOptions } from 'nestjs-tiered-cache';
import { diskStore } from 'nestjs-tiered-cache/disk';
import { withApplication } from '../application.js';

@Injectable()
class Prices {
  loads = 0;

  constructor(private readonly cache: TieredCache) {}

  async twice() {
    const key = versionedKey('price', 'sku-1');
    const before = await this.cache.lookup<{ cents: number }>(key);
    const value = await this.cache.getOrSet(key, () => ({ cents: 100 + this.loads++ }), { ttl: '1m' });
    const after = await this.cache.lookup<{ cents: number }>(key);
    const tierOf = (lookup: typeof before) => (lookup.hit ? lookup.tier : lookup.reason);
    return { value, before: tierOf(before), after: tierOf(after), loads: this.loads };
  }
}

@Controller()
class PricesController {
  constructor(private readonly prices: Prices) {}

  @Get('price')
  price() {
    return this.prices.twice();
  }
}

export async function tiers(): Promise<void> {
  const metadata = (options?: TieredCacheOptions) => ({
    imports: [TieredCacheModule.forRoot(options)],
    controllers: [PricesController],
    providers: [Prices],
  });
  const value = { cents: 100 };
  await withApplication(metadata(), async (ask) => {
    const read = async () => JSON.parse((await ask('/price')).text) as unknown;
    assert.deepEqual(await read(), { value, before: 'absent', after: 'request', loads: 1 });
    assert.deepEqual(await read(), { value, before: 'process', after: 'request', loads: 1 });
  });
  // The same store again, from a process tier that is empty.
  const stores = diskStore({ directory: 'node_modules/.cache/nestjs-tiered-cache' });
  await withApplication(metadata({ stores }), async (ask) => {
    const answer = JSON.parse((await ask('/price')).text) as unknown;
    assert.deepEqual(answer, { value, before: 'disk', after: 'request', loads: 0 });
  });
}
