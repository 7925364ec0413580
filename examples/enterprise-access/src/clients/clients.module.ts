import { Module } from '@nestjs/common';
import { CatalogClient } from './catalog.client.js';
import { LedgerClient } from './ledger.client.js';

@Module({ providers: [CatalogClient, LedgerClient], exports: [CatalogClient, LedgerClient] })
export class ClientsModule {}
