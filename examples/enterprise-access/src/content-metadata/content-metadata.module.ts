import { Module } from '@nestjs/common';
import { ClientsModule } from '../clients/clients.module.js';
import { ContentMetadataController } from './content-metadata.controller.js';
import { ContentMetadataService } from './content-metadata.service.js';
import { ContentVersions } from './content-versions.service.js';
import { EnterpriseCatalogsController } from './enterprise-catalogs.controller.js';

@Module({
  imports: [ClientsModule],
  controllers: [ContentMetadataController, EnterpriseCatalogsController],
  providers: [ContentMetadataService, ContentVersions],
  exports: [ContentMetadataService],
})
export class ContentMetadataModule {}
