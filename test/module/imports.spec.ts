import { join } from 'node:path';
import { Inject, Injectable, Module, Scope, forwardRef } from '@nestjs/common';
import type { DynamicModule, ModuleMetadata } from '@nestjs/common';
import { NestFactory, REQUEST } from '@nestjs/core';
import { afterAll, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { getTieredCacheToken } from '../../src/cache/injection-tokens.js';
import { TieredCacheModule } from '../../src/module/tiered-cache.module.js';
import type { TieredCacheOptions, TieredCacheOptionsFactory } from '../../src/module/tiered-cache.options.js';
import { TieredFilesModule } from '../../src/module/tiered-files.module.js';
import { TieredFiles } from '../../src/file/tiered-files.js';
import type { TieredFilesOptions } from '../../src/file/tiered-files-options.js';
import { memoryObjectStore } from '../../src/object/memory-object-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { diskDirectory } from '../support/disk-directory.js';
import { cacheModule, start } from '../support/nest-application.js';

const identity = { namespace: 'imports', packageVersion: '1.0.0' };

async function nameOf(metadata: ModuleMetadata, token: string | typeof TieredCache = TieredCache): Promise<string> {
  const app = await start(metadata);
  try {
    return app.get<TieredCache>(token).storeKey('key');
  } finally {
    await app.close();
  }
}

describe('An import of the module', () => {
  it('without a name beside another is an error that names both importers', async () => {
    @Module({ imports: [cacheModule()] })
    class PricesModule {}
    @Module({ imports: [cacheModule()] })
    class CoursesModule {}
    const starting = start({ imports: [PricesModule, CoursesModule] });
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'name' });
    await expect(starting).rejects.toThrow(
      'TieredCacheModule is imported without a name by PricesModule and by CoursesModule, and chance would say which cache is injected. Import it once',
    );
  });

  it('is found behind forwardRef, and in dynamic modules', async () => {
    @Module({ imports: [forwardRef(() => cacheModule({ name: 'pricing' }))] })
    class PricesModule {}
    @Module({})
    class DynamicOne {
      static register(): DynamicModule {
        return { module: DynamicOne, imports: [cacheModule({ name: 'pricing' })] };
      }
    }
    await expect(start({ imports: [PricesModule, DynamicOne.register()] })).rejects.toThrow(
      "imported with the name 'pricing' by PricesModule and by DynamicOne",
    );
  });

  it('of one object in two places is one import, as are two of different names', async () => {
    const shared = cacheModule();
    @Module({ imports: [shared] })
    class PricesModule {}
    await expect(nameOf({ imports: [shared, PricesModule, cacheModule({ name: 'pricing' })] })).resolves.toContain(
      'key',
    );
  });
});

describe('An import of the module of files', () => {
  const directory = diskDirectory();
  afterAll(() => directory.remove());
  const filesModule = (folder: string): DynamicModule =>
    TieredFilesModule.forRoot({
      objects: memoryObjectStore(),
      directory: join(directory.path, folder),
      maxBytes: '50mb',
    });
  const asyncFilesModule = (folder: string): DynamicModule =>
    TieredFilesModule.forRootAsync({
      useFactory: () => ({
        objects: memoryObjectStore(),
        directory: join(directory.path, folder),
        maxBytes: '50mb',
      }),
    });

  it.each<[string, (folder: string) => DynamicModule]>([
    ['forRoot', filesModule],
    ['forRootAsync', asyncFilesModule],
  ])('beside another is an error that names both importers: %s', async (_method, imported) => {
    @Module({ imports: [imported('one')] })
    class VideosModule {}
    @Module({ imports: [filesModule('two')] })
    class ImagesModule {}
    for (const imports of [
      [VideosModule, ImagesModule],
      [ImagesModule, VideosModule],
    ]) {
      const starting = start({ imports }).then((app) => app.close());
      await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'TieredFilesModule' });
      await expect(starting).rejects.toThrow(
        `it is imported by ${imports.map(({ name }) => name).join(' and by ')}, and chance would say which folder`,
      );
    }
  });

  it('of one object in two places is one import', async () => {
    const shared = filesModule('shared');
    @Module({ imports: [shared] })
    class VideosModule {}
    const app = await start({ imports: [shared, VideosModule] });
    expect(app.get(TieredFiles)).toBeInstanceOf(TieredFiles);
    await app.close();
  });
});

@Injectable()
class Stamp {
  readonly value = 'stamp-7';
}
@Module({ providers: [Stamp], exports: [Stamp] })
class StampModule {}

@Injectable()
class CacheOptions implements TieredCacheOptionsFactory {
  constructor(private readonly stamp: Stamp) {}
  createTieredCacheOptions(): Omit<TieredCacheOptions, 'name'> {
    return { ...identity, stores: memoryStore(), versionStamp: this.stamp.value };
  }
}
@Module({ imports: [StampModule], providers: [CacheOptions], exports: [CacheOptions] })
class CacheOptionsModule {}

describe('forRootAsync', () => {
  it('asks a function, a class of its own, or a provider that there is', async () => {
    const imports = [StampModule];
    const byFactory = TieredCacheModule.forRootAsync({
      imports,
      inject: [Stamp],
      useFactory: (stamp: Stamp) => ({ ...identity, stores: memoryStore(), versionStamp: stamp.value }),
    });
    const byClass = TieredCacheModule.forRootAsync({ imports, useClass: CacheOptions });
    const byExisting = TieredCacheModule.forRootAsync({ imports: [CacheOptionsModule], useExisting: CacheOptions });
    for (const one of [byFactory, byClass, byExisting]) {
      expect(await nameOf({ imports: [one] })).toContain('stamp-7');
    }
  });

  it('takes the name beside the class', async () => {
    const named = TieredCacheModule.forRootAsync({ name: 'pricing', imports: [StampModule], useClass: CacheOptions });
    expect(await nameOf({ imports: [named] }, getTieredCacheToken('pricing') as string)).toContain('stamp-7');
  });

  it.each<[string, object]>([
    ['no factory was given', {}],
    ['useFactory and useClass were given', { useFactory: () => ({}), useClass: CacheOptions }],
  ])('needs exactly one of them: %s', (problem, options) => {
    expect(() => TieredCacheModule.forRootAsync(options)).toThrow(
      `TieredCacheModule.forRootAsync(): ${problem}. Give one`,
    );
  });

  it.each<[string, object]>([
    ['useFactroy: TieredCacheModule.forRootAsync() has no such option. Did you mean useFactory?', { useFactroy: 1 }],
    ['isGlobal: TieredCacheModule.forRootAsync() has no such option. The module is global', { isGlobal: true }],
  ])('refuses unknown options at once: %s', (message, options) => {
    expect(() => TieredCacheModule.forRootAsync({ useFactory: () => ({}), ...options })).toThrow(message);
  });

  it.each<[string, object]>([
    ['store: the factory of TieredCacheModule.forRootAsync() has no such option. Did you mean stores?', { store: 1 }],
    ['name: a factory gave it, and it is needed before. Give it beside the factory.', { name: 'pricing' }],
  ])('refuses what a factory should not give: %s', async (message, given) => {
    const module = TieredCacheModule.forRootAsync({
      useFactory: () => ({ ...identity, stores: memoryStore(), ...given }),
    });
    await expect(start({ imports: [module] })).rejects.toThrow(message);
  });
});

@Injectable({ scope: Scope.REQUEST, durable: true })
class Tenant {}
@Module({ providers: [Tenant], exports: [Tenant] })
class TenantModule {}

@Injectable()
class TenantOptions implements TieredCacheOptionsFactory {
  constructor(@Inject(REQUEST) readonly request: object) {}
  createTieredCacheOptions(): Omit<TieredCacheOptions, 'name'> {
    return { ...identity, stores: memoryStore() };
  }
}
@Module({ providers: [TenantOptions], exports: [TenantOptions] })
class TenantOptionsModule {}

const startContext = async (metadata: ModuleMetadata): Promise<{ close(): Promise<void> }> => {
  @Module(metadata)
  class ContextModule {}
  return NestFactory.createApplicationContext(ContextModule, { logger: false, abortOnError: false });
};

describe('Options that depend on a request', () => {
  const directory = diskDirectory();
  afterAll(() => directory.remove());
  const ofCache = (): TieredCacheOptions => ({ ...identity, stores: memoryStore() });
  const ofFiles = (): TieredFilesOptions => ({
    objects: memoryObjectStore(),
    directory: directory.path,
    maxBytes: '50mb',
  });

  it.each<[string, string, () => DynamicModule]>([
    ['TieredCacheModule', 'inject', () => TieredCacheModule.forRootAsync({ inject: [REQUEST], useFactory: ofCache })],
    [
      'TieredCacheModule',
      'inject, of a durable provider',
      () => TieredCacheModule.forRootAsync({ imports: [TenantModule], inject: [Tenant], useFactory: ofCache }),
    ],
    ['TieredCacheModule', 'useClass', () => TieredCacheModule.forRootAsync({ useClass: TenantOptions })],
    [
      'TieredCacheModule',
      'useExisting',
      () => TieredCacheModule.forRootAsync({ imports: [TenantOptionsModule], useExisting: TenantOptions }),
    ],
    ['TieredFilesModule', 'inject', () => TieredFilesModule.forRootAsync({ inject: [REQUEST], useFactory: ofFiles })],
  ])('stop the start of %s, with routes and without: %s', async (owner, _by, module) => {
    for (const starts of [start, startContext]) {
      const starting = starts({ imports: [module()] }).then((app) => app.close());
      await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: `${owner}.forRootAsync()` });
    }
  });
});

describe('forRoot', () => {
  it.each<[string, object]>([
    ['store: TieredCacheModule.forRoot() has no such option. Did you mean stores?', { store: memoryStore() }],
    ['defaultTtl: TieredCacheModule.forRoot() has no such option. Did you mean defaults.ttl?', { defaultTtl: '1h' }],
    ['ttl: TieredCacheModule.forRoot() has no such option. Did you mean defaults.ttl?', { ttl: '1h' }],
    [
      'defaults.tll: TieredCacheModule.forRoot() has no such option. Did you mean defaults.ttl?',
      { defaults: { tll: 1 } },
    ],
    ['defaults.timeout.sotf: ', { defaults: { timeout: { sotf: 1 } } }],
    ['process.maxEntires: ', { process: { maxEntires: 1 } }],
    ['coherence.intervall: ', { coherence: { intervall: 1 } }],
    ['lock.tll: ', { lock: { tll: '1s' } }],
  ])('refuses unknown options at once: %s', (message, options) => {
    expect(() => TieredCacheModule.forRoot(options)).toThrow(message);
  });

  it('takes a store alone, or as an array of one', async () => {
    const store = memoryStore();
    expect(await nameOf({ imports: [TieredCacheModule.forRoot({ ...identity, stores: [store] })] })).toContain('key');
  });

  it.each<[string, unknown]>([
    ['2 stores were given, and a chain of several comes in a later release', [memoryStore(), memoryStore()]],
    ['the list is empty', []],
    ['what was given is no store', [{}]],
    ['what was given is no store', new Map()],
    ['what was given is no store', 'memory'],
  ])('says of other stores: %s', async (problem, stores) => {
    const starting = start({ imports: [TieredCacheModule.forRoot({ ...identity, stores: stores as never })] });
    await expect(starting).rejects.toThrow(`stores: ${problem}`);
  });

  it('says of a lock’s store that is none', async () => {
    const lock = { store: {} as never };
    const starting = start({ imports: [TieredCacheModule.forRoot({ ...identity, stores: memoryStore(), lock })] });
    await expect(starting).rejects.toThrow('lock.store: what was given is no store');
    await expect(starting).rejects.toThrow(
      'Give memoryStore(), or diskStore(), memcachedStore() or redisStore() of nestjs-tiered-cache/disk',
    );
  });
});

describe('A store', () => {
  it('refuses unknown options', () => {
    expect(() => memoryStore({ maxByte: 1 } as never)).toThrow(
      'maxByte: memoryStore() has no such option. Did you mean maxBytes?',
    );
  });
});
