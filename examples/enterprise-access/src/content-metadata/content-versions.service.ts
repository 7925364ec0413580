import { Injectable } from '@nestjs/common';
import { TieredCache } from 'nestjs-tiered-cache';
import { CatalogClient } from '../clients/catalog.client.js';
import { UpstreamError } from '../clients/upstream-error.js';
import { Configuration } from '../configuration/configuration.js';
import { contentModified } from './content-keys.js';

/**
 * When content last changed: the version that cached content must have. A changed catalog is seen as soon as its modification time is
 * read again, every few seconds; the timeout of the content itself is a backstop.
 */
@Injectable()
export class ContentVersions {
  constructor(
    private readonly cache: TieredCache,
    private readonly catalogs: CatalogClient,
    private readonly configuration: Configuration,
  ) {}

  ofCatalog(uuid: string): Promise<{ version?: string }> {
    return this.of('catalog', uuid, (signal) => this.catalogs.catalogModified(uuid, signal));
  }

  ofCustomer(uuid: string): Promise<{ version?: string }> {
    return this.of('customer', uuid, (signal) => this.catalogs.customerModified(uuid, signal));
  }

  /** No version, so that any entry will do, when the catalog service does not tell. */
  private async of(
    source: 'catalog' | 'customer',
    uuid: string,
    load: (signal: AbortSignal) => Promise<string | undefined>,
  ): Promise<{ version?: string }> {
    const ttl = this.configuration.contentVersionTtlMs;
    if (ttl === 0) return {};
    try {
      const version = await this.cache.getOrSet(
        contentModified({ source, uuid }),
        async ({ signal }) => (await load(signal)) ?? '',
        { ttl },
      );
      return version === '' ? {} : { version };
    } catch (error) {
      if (error instanceof UpstreamError) return {};
      throw error;
    }
  }
}
