import { Global, Inject, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, ModuleMetadata, OnApplicationShutdown, OnModuleInit, Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { knownFilesOptions, resolveFilesOptions } from '../file/tiered-files-options.js';
import type { TieredFilesOptions } from '../file/tiered-files-options.js';
import { TieredFiles } from '../file/tiered-files.js';
import { KnownOptions } from '../value/known-options.js';
import type { Unchecked } from '../value/unchecked.js';
import { assertMadeOnce } from './made-once.js';

export interface TieredFilesAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is called with. */
  readonly inject?: readonly Unchecked[];
  readonly useFactory: (...dependencies: Unchecked[]) => TieredFilesOptions | Promise<TieredFilesOptions>;
}

const knownAsync = KnownOptions.of<TieredFilesAsyncOptions>('TieredFilesModule.forRootAsync()', {
  imports: true,
  inject: true,
  useFactory: true,
});

/** Downloads end, and handles close, after the last request was answered. */
@Injectable()
class FilesLifecycle implements OnApplicationShutdown {
  constructor(@Inject(TieredFiles) private readonly files: TieredFiles) {}

  async onApplicationShutdown(): Promise<void> {
    await this.files.close();
  }
}

/**
 * Provides {@link TieredFiles} to the whole application. Neither a bucket that is absent nor a folder that can't be used stops the start.
 *
 * @example
 * TieredFilesModule.forRootAsync({
 *   inject: [TieredCache],
 *   useFactory: (cache: TieredCache) => ({ objects: s3ObjectStore({ client, bucket }), directory: '/var/cache/media', maxBytes: '50gb', cache }),
 * })
 */
@Global()
@Module({})
export class TieredFilesModule implements OnModuleInit {
  /** @throws InvalidOptionError at once, naming an option that can't be used or does not exist. */
  static forRoot(options: TieredFilesOptions): DynamicModule {
    resolveFilesOptions(options);
    return build([], { provide: TieredFiles, useFactory: () => new TieredFiles(options) });
  }

  /**
   * Options that come from other providers, the cache that carries purges among them. None of them may be of request scope.
   * @throws InvalidOptionError at once, and at start-up for what the factory gives and where the options depend on a request.
   */
  static forRootAsync(options: TieredFilesAsyncOptions): DynamicModule {
    knownAsync.check(options);
    const { imports, inject = [], useFactory } = options;
    const create = async (...dependencies: unknown[]): Promise<TieredFiles> => {
      const given = await useFactory(...dependencies);
      knownFilesOptions.check(given, 'the factory of TieredFilesModule.forRootAsync()');
      return new TieredFiles(given);
    };
    return build(imports, { provide: TieredFiles, inject: inject as never[], useFactory: create });
  }

  constructor(private readonly modules: ModulesContainer) {}

  onModuleInit(): void {
    assertMadeOnce(this.modules, TieredFilesModule, TieredFiles);
  }
}

function build(imports: ModuleMetadata['imports'], files: Provider): DynamicModule {
  return {
    module: TieredFilesModule,
    imports: imports ?? [],
    providers: [files, FilesLifecycle],
    exports: [TieredFiles],
  };
}
