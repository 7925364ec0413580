import { Inject } from '@nestjs/common';
import { TieredCache } from '../cache/tiered-cache.js';
import { CacheLock } from '../lock/cache-lock.js';
import { RequestCache } from '../tier/request-cache.js';

const defaultName = 'default';

/** What to ask Nest's container for: the class itself, or a token of its own for a named cache. */
export function getTieredCacheToken(name = defaultName): typeof TieredCache | string {
  return name === defaultName ? TieredCache : `TieredCache(${name})`;
}

export function getCacheLockToken(name = defaultName): typeof CacheLock | string {
  return name === defaultName ? CacheLock : `CacheLock(${name})`;
}

export function getRequestCacheToken(name = defaultName): typeof RequestCache | string {
  return name === defaultName ? RequestCache : `RequestCache(${name})`;
}

/** Injects a named cache. @example constructor(@InjectTieredCache('pricing') private readonly cache: TieredCache) {} */
export const InjectTieredCache = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getTieredCacheToken(name));

/** Injects the request cache that belongs to a named cache. */
export const InjectRequestCache = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getRequestCacheToken(name));

/** Injects the locks that belong to a named cache. */
export const InjectCacheLock = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getCacheLockToken(name));
