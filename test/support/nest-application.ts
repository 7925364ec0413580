import { Test } from '@nestjs/testing';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { memoryStore } from '../../src/store/memory-store.js';

export type Platform = 'Express' | 'Fastify';
export const platforms: readonly Platform[] = ['Express', 'Fastify'];

/** The module with a memory store, or with whatever is given. */
export function cacheModule(options: TieredCacheOptions = {}): ReturnType<typeof TieredCacheModule.forRoot> {
  return TieredCacheModule.forRoot({ stores: memoryStore(), namespace: 'test', packageVersion: '1', ...options });
}

/**
 * A running application. Close it.
 * @param prepare comes before everything that the modules do.
 */
export async function listen(
  platform: Platform,
  metadata: ModuleMetadata,
  prepare?: (app: INestApplication) => void,
): Promise<INestApplication> {
  const module = await Test.createTestingModule(metadata).compile();
  const app =
    platform === 'Express'
      ? module.createNestApplication()
      : module.createNestApplication(new FastifyAdapter() as never);
  prepare?.(app);
  return orClosed(app, () => app.listen(0, '127.0.0.1'));
}

/** An initialized application without a port. Close it. */
export async function start(metadata: ModuleMetadata): Promise<INestApplication> {
  const app = (await Test.createTestingModule(metadata).compile()).createNestApplication();
  return orClosed(app, () => app.init());
}

/** The caches of one that does not start would read their feeds on, and the next file of the same process would hear of it. */
async function orClosed(app: INestApplication, begin: () => Promise<unknown>): Promise<INestApplication> {
  try {
    await begin();
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}
