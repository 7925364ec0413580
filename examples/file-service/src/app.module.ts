import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { StoredObjects, TieredCache, TieredCacheModule } from 'nestjs-tiered-cache';
import { TieredFilesModule } from 'nestjs-tiered-cache/files';
import { AccountsModule } from './accounts/accounts.module.js';
import { storedFile } from './catalogue/files.keys.js';
import { Configuration } from './configuration.js';
import { FilesController } from './files/files.controller.js';
import { FilesService } from './files/files.service.js';
import { HealthController } from './http/health.controller.js';
import { ProblemFilter } from './http/problem.filter.js';
import { ImagesController } from './images/images.controller.js';
import { ImagesService } from './images/images.service.js';
import { objectStoreOf } from './object-store.js';
import { FileTable, ImageExportTable } from './rows/tables.js';

@Global()
@Module({
  providers: [
    { provide: Configuration, useFactory: () => new Configuration() },
    {
      provide: StoredObjects,
      inject: [Configuration],
      useFactory: (configuration: Configuration) => new StoredObjects(objectStoreOf(configuration)),
    },
  ],
  exports: [Configuration, StoredObjects],
})
class ObjectsModule {}

@Module({
  imports: [
    ObjectsModule,
    ...(new Configuration().redisUrl === undefined ? [] : [AccountsModule]),
    TieredCacheModule.forRoot({ namespace: 'file-service' }),
    TieredFilesModule.forRootAsync({
      inject: [Configuration, StoredObjects, TieredCache],
      useFactory: ({ dataDirectory, maxBytes }: Configuration, { store }: StoredObjects, cache: TieredCache) => ({
        objects: store,
        directory: join(dataDirectory, 'copies'),
        maxBytes,
        cache,
        keyOf: (uid: string) => storedFile({ uid }),
      }),
    }),
  ],
  controllers: [FilesController, ImagesController, HealthController],
  providers: [
    FileTable,
    ImageExportTable,
    FilesService,
    ImagesService,
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class AppModule {}
