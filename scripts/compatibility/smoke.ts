// What a user's first application does, compiled and run in each combination of versions: one route over the cache, read twice.
import assert from 'node:assert/strict';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TieredCache, TieredCacheModule, versionedKey } from 'nestjs-tiered-cache';

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

@Module({ imports: [TieredCacheModule.forRoot()], controllers: [PricesController], providers: [Prices] })
class AppModule {}

async function application() {
  const options = { logger: ['warn', 'error'] as ('warn' | 'error')[] };
  if (process.env['PLATFORM'] !== 'fastify') return NestFactory.create(AppModule, options);
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return NestFactory.create(AppModule, new FastifyAdapter(), options);
}

async function main() {
  const app = await application();
  await app.listen(0, '127.0.0.1');
  const read = async () => (await fetch(`${await app.getUrl()}/price`)).json();
  const value = { cents: 100 };
  assert.deepEqual(await read(), { value, before: 'absent', after: 'request', loads: 1 });
  assert.deepEqual(await read(), { value, before: 'process', after: 'request', loads: 1 });
  await app.close();

  // The same store again, from a process tier that is empty.
  const next = await application();
  await next.listen(0, '127.0.0.1');
  const answer = await (await fetch(`${await next.getUrl()}/price`)).json();
  assert.deepEqual(answer, { value, before: 'disk', after: 'request', loads: 0 });
  await next.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
