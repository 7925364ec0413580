import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import type { DynamicModule, OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
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

@Injectable()
class Broken implements OnModuleInit {
  constructor(private readonly cache: TieredCache) {}

  /** The store has been reached by then. */
  async onModuleInit(): Promise<void> {
    if (!(await this.cache.set('a', 1))) throw new Error('the store was not reached');
    throw new Error('no migration');
  }
}

@Module({})
class Application {
  static on(store: Store): DynamicModule {
    const options = { stores: store, namespace: 'failing', packageVersion: '1', lock: { reach: 'process' as const } };
    return { module: Application, imports: [TieredCacheModule.forRoot(options)], providers: [Broken] };
  }
}

serveWorker<CycleWorkerData>(({ directory, servers, url }) => {
  const makers: Record<string, () => Store> = {
    memory: () => memoryStore(),
    disk: () => diskStore({ directory }),
    memcached: () => memcachedStore({ servers, ...patience }),
    redis: () => redisStore({ url, ...patience }),
    'redis through @redis/client': () => redisStore({ url, driver: 'redis', ...patience }),
    'redis through ioredis': () => redisStore({ url, driver: 'ioredis', ...patience }),
  };
  return {
    /** Starts an application that fails after its cache has opened. @returns why it failed. */
    async start(store: string) {
      const app = await NestFactory.create(Application.on(makers[store]?.() as Store), {
        logger: false,
        abortOnError: false,
      });
      return app.listen(0, '127.0.0.1').then(
        () => 'it started',
        (error: Error) => error.message,
      );
    },
  };
});
