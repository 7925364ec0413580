// @Memoize, @Invalidate, @WithLock with its answer to clients, and a second cache that is injected by its name.
import assert from 'node:assert/strict';
import { Controller, Get, Injectable } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  CacheLockExceptionFilter,
  defineKey,
  heldLease,
  InjectTieredCache,
  Invalidate,
  json,
  Memoize,
  TieredCache,
  WithLock,
} from 'nestjs-tiered-cache';
import { inMemory, withApplication } from '../application.js';

const priceOf = defineKey('price:{sku}', { codec: json<number>(), ttl: '5m' });

@Injectable()
class Prices {
  asked = 0;
  begin = (): void => {};
  end = (): void => {};
  readonly begun = new Promise<void>((resolve) => (this.begin = resolve));
  private readonly mayEnd = new Promise<void>((resolve) => (this.end = resolve));

  constructor(@InjectTieredCache('second') readonly second: TieredCache) {}

  @Memoize({ key: priceOf, args: (sku: string) => ({ sku }) })
  async of(sku: string): Promise<number> {
    this.asked++;
    return sku.length;
  }

  @Memoize({ ttl: '5m', tags: ['lists'] })
  async list(page: number): Promise<string[]> {
    return [`page ${page}, load ${++this.asked}`];
  }

  @Invalidate({ keys: (sku: string) => priceOf({ sku }), tags: ['lists'] })
  async change(_sku: string): Promise<void> {}

  @WithLock({ resource: 'stock' })
  async take(): Promise<{ fenced: boolean }> {
    this.begin();
    await this.mayEnd;
    return { fenced: Number.isSafeInteger(heldLease()?.fencingToken) };
  }
}

@Controller()
class PricesController {
  constructor(private readonly prices: Prices) {}

  @Get('take')
  take() {
    return this.prices.take();
  }
}

export async function decorators(): Promise<void> {
  const metadata = {
    imports: [inMemory(), inMemory({ name: 'second' })],
    controllers: [PricesController],
    providers: [Prices, { provide: APP_FILTER, useValue: new CacheLockExceptionFilter() }],
  };
  await withApplication(metadata, async (ask, app) => {
    const prices = app.get(Prices);
    assert.deepEqual(await Promise.all([prices.of('sku'), prices.of('sku')]), [3, 3]);
    assert.equal(prices.asked, 1);
    assert.deepEqual([await prices.list(1), await prices.list(1)], [['page 1, load 2'], ['page 1, load 2']]);
    await prices.change('sku');
    assert.deepEqual([await prices.of('sku'), await prices.list(1)], [3, ['page 1, load 4']]);

    assert.equal(prices.second.name, 'second');
    assert.equal((await prices.second.lookup(priceOf({ sku: 'sku' }))).hit, false);

    const first = ask('/take');
    await prices.begun;
    const second = await ask('/take');
    prices.end();
    assert.equal((await first).text, '{"fenced":true}');
    assert.equal(second.status, 429);
    assert.match(second.headers.get('retry-after') ?? '', /^\d+$/);
    assert.match(second.text, /"detail":"This resource is locked/);
  });
}
