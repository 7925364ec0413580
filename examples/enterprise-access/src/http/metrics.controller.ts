import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '../auth/bearer.guard.js';
import { CacheMetrics } from './cache-metrics.js';

/** For Prometheus. It names no key and shows no value, but says how busy the service is: keep it inside your network. */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: CacheMetrics) {}

  @Get()
  @Public(true)
  @Header('Content-Type', CacheMetrics.contentType)
  read(): Promise<string> {
    return this.metrics.asText();
  }
}
