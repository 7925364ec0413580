import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { Memoize, TieredCache } from 'nestjs-tiered-cache';
import { CatalogClient } from '../clients/catalog.client.js';
import type { ContentMetadata } from '../clients/catalog.client.js';
import { catalogContains, contentOfCatalog, contentOfCustomer } from './content-keys.js';
import { ContentVersions } from './content-versions.service.js';

export interface BulkContent {
  /** In the order of the keys, without the unknown ones. */
  readonly results: readonly ContentMetadata[];
  readonly unknownKeys: readonly string[];
}

const noContent: ContentMetadata = Object.freeze({});
const isEmpty = (record: ContentMetadata): boolean => Object.keys(record).length === 0;

/** Content metadata through the cache. What upstream does not know is asked again every time: it may be there tomorrow. */
@Injectable()
export class ContentMetadataService {
  private readonly logger = new Logger(ContentMetadataService.name);

  constructor(
    private readonly cache: TieredCache,
    private readonly catalogs: CatalogClient,
    private readonly versions: ContentVersions,
  ) {}

  /** @throws NotFoundException when none of the customer's catalogs holds it. */
  async ofCustomer(customerUuid: string, contentKey: string, coerceToParentCourse: boolean): Promise<ContentMetadata> {
    const record = await this.recordOfCustomer(customerUuid, contentKey, coerceToParentCourse);
    if (isEmpty(record)) throw new NotFoundException({ detail: `No content metadata for ${contentKey}.` });
    return record;
  }

  /** Empty when none of the customer's catalogs holds it. */
  @Memoize({
    key: contentOfCustomer,
    args: (customerUuid: string, contentKey: string, coerceToParentCourse: boolean) => ({
      ...{ customerUuid, contentKey, coerceToParentCourse },
    }),
    version(this: ContentMetadataService, customerUuid) {
      return this.versions.of('customer', customerUuid);
    },
  })
  async recordOfCustomer(
    customerUuid: string,
    contentKey: string,
    coerceToParentCourse: boolean,
  ): Promise<ContentMetadata> {
    return (await this.catalogs.contentOfCustomer(customerUuid, contentKey, coerceToParentCourse)) ?? noContent;
  }

  /** The cached ones from the cache, all others by one request upstream. @throws NotFoundException for an unknown catalog. */
  async ofCatalog(catalogUuid: string, contentKeys: readonly string[]): Promise<BulkContent> {
    const keys = contentKeys.map((contentKey) => contentOfCatalog({ catalogUuid, contentKey }));
    const keyNames = new Map(keys.map((key, index) => [key.text, contentKeys[index] as string]));
    const version = await this.versions.of('catalog', catalogUuid);
    const records = await this.cache.getOrSetMany(
      keys,
      async (missing, { signal }) => {
        const names = missing.map((key) => keyNames.get(key.text) as string);
        const found = await this.catalogs.contentsOfCatalog(catalogUuid, names, signal);
        if (!found) throw new NotFoundException({ detail: 'No such catalog.' });
        return found.map((record) => [contentOfCatalog({ catalogUuid, contentKey: `${record.key}` }), record] as const);
      },
      version === undefined ? {} : { version },
    );
    const results = records.filter((record) => record !== undefined && !isEmpty(record)) as ContentMetadata[];
    const unknownKeys = contentKeys.filter((_key, index) => isEmpty(records[index] ?? noContent));
    if (unknownKeys.length > 0) this.logger.warn(`catalog ${catalogUuid} knows nothing of ${unknownKeys.join(', ')}`);
    return { results, unknownKeys };
  }

  /** A cached `false` is an answer too. @throws NotFoundException for an unknown catalog. */
  @Memoize({
    key: catalogContains,
    args: (catalogUuid: string, contentKey: string) => ({ catalogUuid, contentKey }),
    version(this: ContentMetadataService, catalogUuid) {
      return this.versions.of('catalog', catalogUuid);
    },
  })
  async contains(catalogUuid: string, contentKey: string): Promise<boolean> {
    const contains = await this.catalogs.catalogContains(catalogUuid, contentKey);
    if (contains === undefined) throw new NotFoundException({ detail: 'No such catalog.' });
    return contains;
  }

  /** Forgets what is cached of one content key, in all processes. False: the shared copy may still be there for a moment. */
  async forget(customerUuid: string, contentKey: string): Promise<boolean> {
    const keys = [true, false].map((coerceToParentCourse) =>
      contentOfCustomer({ customerUuid, contentKey, coerceToParentCourse }),
    );
    return this.cache.deleteMany(keys);
  }
}
