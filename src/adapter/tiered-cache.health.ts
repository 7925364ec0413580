import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { HealthIndicatorService } from '@nestjs/terminus';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { CacheStatus } from '../cache/cache-status.js';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { KnownOptions } from '../value/known-options.js';

export interface TieredCacheHealthOptions {
  /** A named cache. Default: the one injected by class. */
  readonly cache?: string;
  /**
   * How much of the store must be away before the answer is `down`: all of it, any part of it, or none whatever happens. Default `never`: the
   * application runs on its loaders, and an orchestrator that restarts it for a cache makes things worse.
   */
  readonly downWithout?: 'never' | 'all' | 'any';
}

const known = KnownOptions.of<TieredCacheHealthOptions>('check()', { cache: true, downWithout: true });

/** `up`, without a session's other methods; Terminus 11 knows no `degraded`. */
interface Session<K extends string> {
  up(data: object): HealthIndicatorResult<K>;
  down(data: object): HealthIndicatorResult<K>;
  degraded?(data: object): HealthIndicatorResult<K>;
}

/**
 * A health indicator for `@nestjs/terminus`: `up`; `degraded` with the parts of the store that don't answer and why, or while invalidations
 * wait for their acknowledgement; `down` only where it was asked for. Terminus 11 has no `degraded`: it is `up` there, with `degraded: true`.
 *
 * Needs TerminusModule; provide it in the module of your health controller.
 *
 * @example this.health.check([() => this.cache.check('cache')])
 */
@Injectable()
export class TieredCacheHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly modules: ModuleRef,
  ) {}

  /** Asks each part of the store. Takes no longer than two reads may. */
  async check<const K extends string>(
    key: K,
    options: TieredCacheHealthOptions = {},
  ): Promise<HealthIndicatorResult<K>> {
    known.check(options);
    const { cache, downWithout = 'never' } = options;
    const session = this.indicators.check(key) as unknown as Session<K>;
    const asked = this.modules.get<TieredCache>(getTieredCacheToken(cache), { strict: false });
    const status = await asked.status();
    const away = status.shards.filter(({ answers }) => !answers);
    const facts = factsOf(status);
    if (away.length === 0 && status.unacknowledgedWrites === 0) return session.up(facts);
    const lacks = { all: away.length === status.shards.length, any: true, never: false };
    if (away.length > 0 && lacks[downWithout]) return session.down(facts);
    return session.degraded?.(facts) ?? session.up({ ...facts, degraded: true });
  }
}

function factsOf({ store, shards, unacknowledgedWrites }: CacheStatus): Record<string, unknown> {
  const away = shards.flatMap(({ shard, answers, reason }) => (answers ? [] : [{ shard, reason }]));
  return {
    store: store ?? 'none',
    ...(away.length > 0 && { away }),
    ...(unacknowledgedWrites > 0 && { unacknowledgedWrites }),
  };
}
