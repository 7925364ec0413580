import { defineKey, flag, json } from 'nestjs-tiered-cache';
import type { ContentMetadata } from '../clients/catalog.client.js';
import { configuredLife, contentTimeoutMs, versionTimeoutMs } from '../configuration/timeouts.js';

const owner = 'content-metadata';
const contentLife = configuredLife('CONTENT_METADATA_CACHE_TIMEOUT', contentTimeoutMs);
const isRecord = (record: ContentMetadata): boolean => Object.keys(record).length > 0;

export const contentOfCustomer = defineKey('content_metadata:{customerUuid}:{contentKey}:{coerceToParentCourse}', {
  owner,
  holds: 'content metadata that a customer may see; if coerced, that of the course of a run',
  params: { coerceToParentCourse: 'boolean' },
  codec: json<ContentMetadata>(),
  ttl: contentLife,
  cacheIf: isRecord,
});

export const contentOfCatalog = defineKey('catalog_content_metadata:{catalogUuid}:{contentKey}', {
  owner,
  holds: 'content metadata of a catalog',
  codec: json<ContentMetadata>(),
  ttl: contentLife,
  cacheIf: isRecord,
});

export const catalogContains = defineKey('catalog_contains_content:{catalogUuid}:{contentKey}', {
  owner,
  holds: 'whether a catalog holds a course, or the course of a run',
  codec: flag(),
  ttl: contentLife,
});

export const contentModified = defineKey('content_modified:{source}:{uuid}', {
  owner,
  holds:
    'when the content of a catalog, or of any catalog of a customer, last changed: the version of all other entries',
  params: { source: { values: ['catalog', 'customer'] } },
  codec: json<string>(),
  ttl: configuredLife('CONTENT_VERSION_CACHE_TIMEOUT', versionTimeoutMs),
});
