import { Controller, Delete, ForbiddenException, Get, HttpCode, Param, Query } from '@nestjs/common';
import { CurrentCaller, isActiveStaff } from '../auth/caller.js';
import type { Caller } from '../auth/caller.js';
import type { ContentMetadata } from '../clients/catalog.client.js';
import { parseBoolean, parseContentKey, parseUuid } from '../http/bad-input.js';
import { ContentMetadataService } from './content-metadata.service.js';

@Controller('api/v1/content-metadata')
export class ContentMetadataController {
  constructor(private readonly contents: ContentMetadataService) {}

  @Get(':content_key')
  async read(
    @Param('content_key') contentKey: string,
    @Query('enterprise_customer_uuid') customerUuid: unknown,
    @Query('coerce_to_parent_course') coerceToParentCourse: unknown,
  ): Promise<ContentMetadata> {
    return this.contents.ofCustomer(
      parseUuid('enterprise_customer_uuid', customerUuid),
      parseContentKey('content_key', contentKey),
      parseBoolean('coerce_to_parent_course', coerceToParentCourse),
    );
  }

  /** For staff who changed content and do not want to wait. */
  @Delete(':content_key')
  @HttpCode(200)
  async forget(
    @Param('content_key') contentKey: string,
    @Query('enterprise_customer_uuid') customerUuid: unknown,
    @CurrentCaller() caller: Caller,
  ): Promise<{ acknowledged: boolean }> {
    if (!isActiveStaff(caller)) throw new ForbiddenException({ detail: 'Only active staff may do this.' });
    const acknowledged = await this.contents.forget(
      parseUuid('enterprise_customer_uuid', customerUuid),
      parseContentKey('content_key', contentKey),
    );
    return { acknowledged };
  }
}
