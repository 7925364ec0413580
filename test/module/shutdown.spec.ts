import { Global, Inject, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, LoggerService, OnApplicationShutdown, Type } from '@nestjs/common';
import { Keyv } from 'keyv';
import { describe, expect, it } from '@jest/globals';
import { keyvStore } from '../../src/adapter/keyv-store.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Announcements implements OnApplicationShutdown {
  told: boolean | undefined;
  constructor(@Inject(TieredCache) private readonly cache: TieredCache) {}

  async onApplicationShutdown(): Promise<void> {
    this.told = await this.cache.delete('present');
  }
}

@Global()
@Module({ providers: [Announcements] })
class AnnouncementsModule {}

describe('The end of an application', () => {
  it('closes the store of the locks also where that of the cache can’t be closed', async () => {
    const keyv = new Keyv();
    keyv.disconnect = () => Promise.reject(new Error('The connection is gone already.'));
    const ofLocks = memoryStore();
    const app = await start({ imports: [cacheModule({ stores: keyvStore(keyv), lock: { store: ofLocks } })] });
    app.useLogger(false);
    const shard = ofLocks.shardOf('a');
    await shard.readMany(['a']);
    await app.close().catch(() => undefined); // Nest 11 rejects, Nest 12 logs it
    await expect(shard.readMany(['a'])).rejects.toThrow('it was closed');
  });

  const ended = async (imports: (Type | DynamicModule)[]): Promise<{ told: boolean | undefined; said: string[] }> => {
    const said: string[] = [];
    const app = await start({ imports });
    const ignored = (): void => {};
    app.useLogger({ log: ignored, error: ignored, warn: (text: string) => said.push(text) } satisfies LoggerService);
    const announcements = app.get(Announcements);
    await app.close();
    return { told: announcements.told, said };
  };

  it('leaves the cache open to the hooks of a global module that is imported after it', async () => {
    expect(await ended([cacheModule(), AnnouncementsModule])).toEqual({ told: true, said: [] });
  });

  it('has closed it to those of one that is imported before, and the log says what is lost', async () => {
    const { told, said } = await ended([AnnouncementsModule, cacheModule()]);
    expect(told).toBe(false);
    expect(said).toEqual(['default: an invalidation was lost (closed): present']);
  });

  it('says nothing of what is lost where the application wants no warnings', async () => {
    expect(await ended([AnnouncementsModule, cacheModule({ warnings: false })])).toEqual({ told: false, said: [] });
  });

  it('is what the errors of a closed store speak of', async () => {
    const store = memoryStore();
    const app = await start({ imports: [cacheModule({ stores: store })] });
    await app.close();
    const reading = store.shardOf('a').readMany(['a']);
    await expect(reading).rejects.toThrow(
      'memory: it was closed. Use it before its close(), which the end of an application calls.',
    );
  });
});
