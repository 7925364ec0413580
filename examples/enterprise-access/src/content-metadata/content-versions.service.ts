import { Injectable } from '@nestjs/common';
import { TieredCache, upstreamVersion } from 'nestjs-tiered-cache';
import { CatalogClient } from '../clients/catalog.client.js';
import { contentModified } from './content-keys.js';

type Source = 'catalog' | 'customer';

/**
 * When content last changed: the version that cached content must have. A changed catalog is seen as soon as its modification time is
 * read again, every few seconds; the timeout of the content itself is a backstop.
 */
@Injectable()
export class ContentVersions {
  constructor(
    private readonly cache: TieredCache,
    private readonly catalogs: CatalogClient,
  ) {}

  /** `undefined`, so that any entry will do, for what does not exist and when the catalog service does not tell. */
  of(source: Source, uuid: string): Promise<string | undefined> {
    return upstreamVersion(this.cache, contentModified({ source, uuid }), () =>
      source === 'catalog' ? this.catalogs.catalogModified(uuid) : this.catalogs.customerModified(uuid),
    );
  }
}
