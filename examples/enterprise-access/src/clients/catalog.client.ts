import { Injectable } from '@nestjs/common';
import { Configuration } from '../configuration/configuration.js';
import { UpstreamError } from './upstream-error.js';
import { UpstreamHttp } from './upstream-http.js';

/** Content metadata as the catalog service sends it. An empty record says that there is none. */
export interface ContentMetadata {
  readonly key?: string;
  readonly content_price_cents?: number;
  readonly [field: string]: unknown;
}

interface CatalogInfo {
  readonly content_last_modified: string;
}

/** The catalog service. Answers `undefined` for what does not exist; everything that is no answer is an UpstreamError. */
@Injectable()
export class CatalogClient {
  private readonly http: UpstreamHttp;

  constructor({ catalogUrl, upstreamTimeoutMs }: Configuration) {
    this.http = new UpstreamHttp('catalog', catalogUrl, upstreamTimeoutMs);
  }

  async contentOfCustomer(
    customerUuid: string,
    contentKey: string,
    coerceToParentCourse: boolean,
    signal?: AbortSignal,
  ): Promise<ContentMetadata | undefined> {
    const query = coerceToParentCourse ? '?coerce_to_parent_course=true' : '';
    const key = encodeURIComponent(contentKey);
    return this.get(`/api/v1/enterprise-customers/${customerUuid}/content-metadata/${key}/${query}`, signal);
  }

  /** One request for all keys; what the catalog does not hold is left out. */
  async contentsOfCatalog(
    catalogUuid: string,
    contentKeys: readonly string[],
    signal?: AbortSignal,
  ): Promise<ContentMetadata[] | undefined> {
    const keys = contentKeys.map(encodeURIComponent).join(',');
    const path = `/api/v1/enterprise-catalogs/${catalogUuid}/content-metadata/?content_keys=${keys}`;
    const body = await this.get<{ readonly results?: ContentMetadata[] }>(path, signal);
    return body && (body.results ?? []);
  }

  async catalogContains(catalogUuid: string, contentKey: string, signal?: AbortSignal): Promise<boolean | undefined> {
    const key = encodeURIComponent(contentKey);
    const path = `/api/v1/enterprise-catalogs/${catalogUuid}/contains-content/?content_keys=${key}`;
    const body = await this.get<{ readonly contains_content_items?: unknown }>(path, signal);
    if (body && typeof body.contains_content_items !== 'boolean') {
      throw new UpstreamError('catalog', 'answered neither true nor false');
    }
    return body?.contains_content_items as boolean | undefined;
  }

  /** When the catalog's content last changed. */
  async catalogModified(catalogUuid: string, signal?: AbortSignal): Promise<string | undefined> {
    return (await this.get<CatalogInfo>(`/api/v1/enterprise-catalogs/${catalogUuid}/`, signal))?.content_last_modified;
  }

  /** When the content of any of the customer's catalogs last changed. */
  async customerModified(customerUuid: string, signal?: AbortSignal): Promise<string | undefined> {
    const path = `/api/v1/enterprise-customers/${customerUuid}/`;
    const customer = await this.get<{ readonly enterprise_catalogs?: CatalogInfo[] }>(path, signal);
    return customer?.enterprise_catalogs
      ?.map((catalog) => catalog.content_last_modified)
      .sort()
      .at(-1);
  }

  private async get<T>(path: string, signal: AbortSignal | undefined): Promise<T | undefined> {
    const { status, body } = await this.http.send(path, { signal });
    if (status === 404) return undefined;
    if (status !== 200 || typeof body !== 'object' || body === null) {
      throw new UpstreamError('catalog', `answered ${status}`);
    }
    return body as T;
  }
}
