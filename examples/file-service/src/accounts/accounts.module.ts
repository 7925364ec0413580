import { Inject, Module } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { StoredObjects } from 'nestjs-tiered-cache';
import { redisDocuments, RedisDocuments, redisRecords, RedisRecords } from 'nestjs-tiered-cache/redis';
import { Configuration } from '../configuration.js';
import { AccountsController } from './accounts.controller.js';
import { accountKeys } from './accounts.keys.js';
import { AccountsService } from './accounts.service.js';
import { DocumentsService } from './documents.service.js';

/** Accounts and their files in Redis. Loaded where `FILES_REDIS_URL` says which Redis. */
@Module({
  controllers: [AccountsController],
  providers: [
    {
      provide: RedisRecords,
      inject: [Configuration],
      useFactory: ({ redisUrl }: Configuration) =>
        redisRecords({ connection: { url: redisUrl ?? '', commandTimeout: '2s' }, keys: accountKeys }),
    },
    {
      provide: RedisDocuments,
      inject: [Configuration, StoredObjects],
      useFactory: ({ redisUrl }: Configuration, { store }: StoredObjects) =>
        redisDocuments({ connection: { url: redisUrl ?? '' }, objects: store, maxBytes: '250mb' }),
    },
    AccountsService,
    DocumentsService,
  ],
})
export class AccountsModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(RedisRecords) private readonly records: RedisRecords,
    @Inject(RedisDocuments) private readonly documents: RedisDocuments,
  ) {}

  /** A Redis that evicts what is not backed up stops the start. */
  async onModuleInit(): Promise<void> {
    await Promise.all([this.records.open(), this.documents.open()]);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.records.close(), this.documents.close()]);
  }
}
