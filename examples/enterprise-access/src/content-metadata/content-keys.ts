import { defineKey, flag, json } from 'nestjs-tiered-cache';
import type { ContentMetadata } from '../clients/catalog.client.js';

const owner = 'content-metadata';
const isRecord = (record: ContentMetadata): boolean => Object.keys(record).length > 0;

/** How long they are fresh is configured (`CONTENT_METADATA_CACHE_TIMEOUT`) and given with each call. */
export const contentOfCustomer = defineKey('content_metadata:{customerUuid}:{contentKey}:{coerceToParentCourse}', {
  owner,
  holds: 'content metadata that a customer may see; with coerceToParentCourse that of a run’s course',
  params: { coerceToParentCourse: 'boolean' },
  codec: json<ContentMetadata>(),
  cacheIf: isRecord,
});

export const contentOfCatalog = defineKey('catalog_content_metadata:{catalogUuid}:{contentKey}', {
  owner,
  holds: 'content metadata of a catalog',
  codec: json<ContentMetadata>(),
  cacheIf: isRecord,
});

export const catalogContains = defineKey('catalog_contains_content:{catalogUuid}:{contentKey}', {
  owner,
  holds: 'whether a catalog holds a course, or the course of a run',
  codec: flag(),
});

export const contentModified = defineKey('content_modified:{source}:{uuid}', {
  owner,
  holds:
    'when the content of a catalog, or of any of a customer’s catalogs, last changed: the version of the entries above',
  params: { source: { values: ['catalog', 'customer'] } },
  codec: json<string>(),
});
