import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import type { HealthCheckResult } from '@nestjs/terminus';
import { TieredCacheHealthIndicator } from 'nestjs-tiered-cache/terminus';
import { Public } from '../auth/bearer.guard.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: TieredCacheHealthIndicator,
  ) {}

  /** Whether this process lives. It does without its store. */
  @Get()
  @Public(true)
  read(): { service: string; pid: number } {
    return { service: 'enterprise-access', pid: process.pid };
  }

  /** Whether the store of its cache answers. It names servers: keep it inside your network. */
  @Get('cache')
  @Public(true)
  @HealthCheck()
  readCache(): Promise<HealthCheckResult> {
    return this.health.check([() => this.cache.check('cache')]);
  }
}
