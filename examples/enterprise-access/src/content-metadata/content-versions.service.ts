import { Injectable } from '@nestjs/common';
import { Memoize } from 'nestjs-tiered-cache';
import { CatalogClient } from '../clients/catalog.client.js';
import { UpstreamError } from '../clients/upstream-error.js';
import { contentModified } from './content-keys.js';

type Source = 'catalog' | 'customer';

/**
 * When content last changed: the version that cached content must have. A changed catalog is seen as soon as its modification time is
 * read again, every few seconds; the timeout of the content itself is a backstop.
 */
@Injectable()
export class ContentVersions {
  constructor(private readonly catalogs: CatalogClient) {}

  /** `undefined`, so that any entry will do, when the catalog service does not tell. */
  async of(source: Source, uuid: string): Promise<string | undefined> {
    try {
      return (await this.modified(source, uuid)) || undefined;
    } catch (error) {
      if (error instanceof UpstreamError) return undefined;
      throw error;
    }
  }

  /** Empty for what does not exist. */
  @Memoize({ key: contentModified, args: (source: Source, uuid: string) => ({ source, uuid }) })
  async modified(source: Source, uuid: string): Promise<string> {
    const modified =
      source === 'catalog' ? await this.catalogs.catalogModified(uuid) : await this.catalogs.customerModified(uuid);
    return modified ?? '';
  }
}
