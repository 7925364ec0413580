import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheLock } from '../../../src/lock/cache-lock.js';
import { TieredCache } from '../../../src/cache/tiered-cache.js';
import { TieredCacheModule } from '../../../src/module/tiered-cache.module.js';
import { diskStore } from '../../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../../src/store/memcached/memcached-store.js';
import { redisStore } from '../../../src/store/redis/redis-store.js';
import { memoryStore } from '../../../src/store/memory-store.js';
import type { Store } from '../../../src/store/store.js';
import { serveWorker } from '../serve-worker.js';
import type { CycleWorkerData } from './cycle-worker-data.js';
import { patience } from '../patience.js';

@Controller()
class Counter {
  constructor(
    private readonly cache: TieredCache,
    private readonly lock: CacheLock,
  ) {}

  @Get()
  count(): Promise<number> {
    return this.lock.using('count', { wait: 60_000 }, () => this.cache.update<number>('n', (n = 0) => n + 1));
  }
}

@Module({})
class Application {
  static on(store: Store): DynamicModule {
    const options = { stores: store, namespace: 'cycles', packageVersion: '1', versionStamp: () => 'stamp' };
    return { module: Application, imports: [TieredCacheModule.forRoot(options)], controllers: [Counter] };
  }
}

serveWorker<CycleWorkerData>(({ directory, servers, url }) => {
  const shared = memoryStore();
  const makers: Record<string, () => Store> = {
    memory: () => shared,
    disk: () => diskStore({ directory }),
    memcached: () => memcachedStore({ servers, ...patience }),
    redis: () => redisStore({ url, ...patience }),
  };
  const unhandled: string[] = [];
  process.on('unhandledRejection', (reason) => unhandled.push(String(reason)));
  return {
    /** Starts an application, answers a request and closes it, so many times. @returns what keeps the process alive before and after. */
    async cycles(store: string, times: number) {
      const before = process.getActiveResourcesInfo().sort();
      let answered = '';
      for (let turn = 0; turn < times; turn++) {
        const made = makers[store]?.();
        if (!made) throw new Error(`no store ${store}`);
        const app = await NestFactory.create(Application.on(made), { logger: false });
        await app.listen(0, '127.0.0.1');
        const response = await fetch(await app.getUrl(), { headers: { connection: 'close' } });
        answered = await response.text();
        await app.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { before, after: process.getActiveResourcesInfo().sort(), unhandled, answered: Number(answered) };
    },
  };
});
