import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { collectCacheMetrics } from 'nestjs-tiered-cache/prom-client';
import { Registry } from 'prom-client';

/** What caches and locks of this process have counted since it started, as Prometheus reads it. */
@Injectable()
export class CacheMetrics implements OnApplicationShutdown {
  static readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  private readonly registry = new Registry();
  private readonly stop: () => void;

  constructor() {
    // Workers share a port: a scrape reaches one of them, and its counts must not be taken for another's.
    this.registry.setDefaultLabels({ worker: String(process.pid) });
    this.stop = collectCacheMetrics({ registry: this.registry });
  }

  asText(): Promise<string> {
    return this.registry.metrics();
  }

  onApplicationShutdown(): void {
    this.stop();
  }
}
