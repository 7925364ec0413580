import { Inject } from '@nestjs/common';
import { getCacheLockToken, getRequestCacheToken, getTieredCacheToken } from '../cache/injection-tokens.js';

/** Injects a named cache. @example constructor(@InjectTieredCache('pricing') private readonly cache: TieredCache) {} */
export const InjectTieredCache = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getTieredCacheToken(name));

/** Injects the request cache that belongs to a named cache. */
export const InjectRequestCache = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getRequestCacheToken(name));

/** Injects the locks that belong to a named cache. */
export const InjectCacheLock = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getCacheLockToken(name));
