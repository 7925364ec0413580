import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { TieredCacheModule } from 'nestjs-tiered-cache';
import { TieredCacheHealthIndicator } from 'nestjs-tiered-cache/terminus';
import { AuthModule } from './auth/auth.module.js';
import { mayForceMiss } from './auth/caller.js';
import { ConfigurationModule } from './configuration/configuration.module.js';
import { ContentMetadataModule } from './content-metadata/content-metadata.module.js';
import { CacheMetrics } from './http/cache-metrics.js';
import { HealthController } from './http/health.controller.js';
import { MetricsController } from './http/metrics.controller.js';
import { ProblemFilter } from './http/problem.filter.js';
import { PolicyRedemptionModule } from './policy-redemption/policy-redemption.module.js';
import { TracingModule } from './tracing/tracing.module.js';

/** Whoever asks for hundreds of keys that nobody knows waits for turns, and the services behind this one are left standing. */
const maxConcurrentLoads = 32;

@Module({
  imports: [
    ConfigurationModule,
    TracingModule,
    TieredCacheModule.forRoot({ namespace: 'enterprise-access', mayForceMiss, maxConcurrentLoads }),
    AuthModule,
    ContentMetadataModule,
    PolicyRedemptionModule,
    TerminusModule.forRoot({ logger: false }),
  ],
  controllers: [HealthController, MetricsController],
  providers: [{ provide: APP_FILTER, useClass: ProblemFilter }, TieredCacheHealthIndicator, CacheMetrics],
})
export class AppModule {}
