import { Controller, Get, Param, Query } from '@nestjs/common';
import type { ContentMetadata } from '../clients/catalog.client.js';
import { BadInput, parseContentKey, parseUuid } from '../http/bad-input.js';
import { ContentMetadataService } from './content-metadata.service.js';

const maxKeys = 200;

@Controller('api/v1/enterprise-catalogs/:uuid')
export class EnterpriseCatalogsController {
  constructor(private readonly contents: ContentMetadataService) {}

  @Get('content-metadata')
  async readMany(
    @Param('uuid') uuid: string,
    @Query('content_keys') contentKeys: unknown,
  ): Promise<{ count: number; results: readonly ContentMetadata[]; unknown_content_keys: readonly string[] }> {
    const keys = parseContentKeys(contentKeys);
    const { results, unknownKeys } = await this.contents.ofCatalog(parseUuid('uuid', uuid), keys);
    return { count: results.length, results, unknown_content_keys: unknownKeys };
  }

  @Get('contains-content')
  async contains(
    @Param('uuid') uuid: string,
    @Query('content_key') contentKey: unknown,
  ): Promise<{ contains_content_items: boolean }> {
    const contains = await this.contents.contains(parseUuid('uuid', uuid), parseContentKey('content_key', contentKey));
    return { contains_content_items: contains };
  }
}

/** `content_keys=a,b` and `content_keys=a&content_keys=b` alike. */
function parseContentKeys(given: unknown): string[] {
  const texts = (Array.isArray(given) ? given : [given]) as unknown[];
  const keys = texts.flatMap((text) => (typeof text === 'string' ? text.split(',') : [text]));
  if (keys.length > maxKeys) throw new BadInput('content_keys', `has ${keys.length} keys; at most ${maxKeys}.`);
  return keys.map((key) => parseContentKey('content_keys', key));
}
