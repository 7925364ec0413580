// What is put into a project as `nest new` makes it: compiled by its own settings, run by Node, tested by its own runner.
import { Injectable, Module } from '@nestjs/common';
import { Memoize, memoryStore, TieredCache, TieredCacheModule } from 'nestjs-tiered-cache';

@Injectable()
export class Prices {
  asked = 0;

  constructor(readonly cache: TieredCache) {}

  @Memoize({ ttl: '5m' })
  async of(sku: string): Promise<number> {
    this.asked++;
    return sku.length;
  }
}

@Module({ imports: [TieredCacheModule.forRoot({ stores: memoryStore() })], providers: [Prices] })
export class PricesModule {}
