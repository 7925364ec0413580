import { Global, Inject, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, ModuleMetadata, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { knownFilesOptions, resolveFilesOptions } from '../file/tiered-files-options.js';
import type { TieredFilesOptions } from '../file/tiered-files-options.js';
import { TieredFiles } from '../file/tiered-files.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { Unchecked } from '../value/unchecked.js';
import { assertMadeOnce } from './made-once.js';
import { assertSoleImport } from './sole-import.js';

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
 * Provides {@link TieredFiles} to the whole application: import it once. Make a second one by `new TieredFiles()` in a provider of your own, which closes it.
 * Neither a bucket that is absent nor a folder that can't be used stops the start.
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
  /** @throws InvalidOptionError at once, naming an option that can't be used or does not exist; at start-up naming two modules that import it. */
  static forRoot(options: TieredFilesOptions): DynamicModule {
    resolveFilesOptions(options);
    return build([], [], () => options);
  }

  /**
   * Options that come from other providers, the cache that carries purges among them. None of them may be of request scope.
   * @throws InvalidOptionError at once, and at start-up for what the factory gives, where the options depend on a request, and as `forRoot`.
   */
  static forRootAsync(options: TieredFilesAsyncOptions): DynamicModule {
    knownAsync.check(options);
    const { imports, inject = [], useFactory } = options;
    return build(imports, inject, async (...dependencies) => {
      const given = await useFactory(...dependencies);
      knownFilesOptions.check(given, 'the factory of TieredFilesModule.forRootAsync()');
      return given;
    });
  }

  constructor(private readonly modules: ModulesContainer) {}

  onModuleInit(): void {
    assertMadeOnce(this.modules, TieredFilesModule, TieredFiles);
  }
}

function build(
  imports: ModuleMetadata['imports'],
  inject: readonly unknown[],
  optionsOf: (...dependencies: unknown[]) => TieredFilesOptions | Promise<TieredFilesOptions>,
): DynamicModule {
  const create = async (modules: ModulesContainer, ...dependencies: unknown[]): Promise<TieredFiles> => {
    assertSoleImport(modules, TieredFiles, secondImport);
    return new TieredFiles(await optionsOf(...dependencies));
  };
  return {
    module: TieredFilesModule,
    imports: imports ?? [],
    providers: [
      { provide: TieredFiles, inject: [ModulesContainer, ...(inject as never[])], useFactory: create },
      FilesLifecycle,
    ],
    exports: [TieredFiles],
  };
}

function secondImport(importers: string): InvalidOptionError {
  return new InvalidOptionError(
    'TieredFilesModule',
    `it is imported by ${importers}, and chance would say which folder's files are injected`,
    'Import it once, in the root module, since it is global; make a second TieredFiles in a provider of your own.',
  );
}
