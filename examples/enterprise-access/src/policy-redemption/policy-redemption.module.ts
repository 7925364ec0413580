import { Module } from '@nestjs/common';
import { ClientsModule } from '../clients/clients.module.js';
import { ContentMetadataModule } from '../content-metadata/content-metadata.module.js';
import { PoliciesService } from './policies.service.js';
import { PolicyRedemptionController } from './policy-redemption.controller.js';
import { PolicyRedemptionService } from './policy-redemption.service.js';

@Module({
  imports: [ClientsModule, ContentMetadataModule],
  controllers: [PolicyRedemptionController],
  providers: [PoliciesService, PolicyRedemptionService],
})
export class PolicyRedemptionModule {}
