import 'reflect-metadata';
import { Inject, Injectable, UseInterceptors } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { TieredCache } from '../cache/tiered-cache.js';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import { methodOf } from '../value/member.js';
import { CachedResponseInterceptor, writeSettings } from './cached-response.interceptor.js';
import type { CachedResponseOptions } from './cached-response-options.js';
import { responseSettings } from './response-settings.js';
import { assertKeyed } from './route-arguments.js';

/**
 * Answers GET and HEAD requests of a route from the cache, on Express and Fastify: the body is encoded once, kept as bytes in all tiers, and
 * sent without being serialized again. Only answers with status 200 are kept; none that sets a cookie or says `no-store`.
 *
 * The key is made of the route and its parameters, the chosen query parameters and headers, and the principal; never of the raw URL. A
 * request with `Authorization` or `Cookie` goes around the cache unless the option `principal` says whose answer it is, or that it is
 * anyone's. Answers carry `ETag`, `Age`, `Cache-Control` and `Vary` (RFC 9110, 9111, 5861); a matching `If-None-Match` gets a 304.
 *
 * The handler may return anything that it may return without it, a `StreamableFile` (read to its end, up to `maxBodyBytes`) and a
 * `SplicedDocument` included. Interceptors around it are given the bytes: what transforms answers belongs above this decorator, so that it
 * runs inside.
 *
 * @throws InvalidOptionError at the definition of the class, naming the handler: it takes a query parameter, header, session or response
 * that the key knows nothing of.
 * @example
 * @Get(':slug')
 * @CachedResponse({ ttl: '5m', staleFor: '1m', query: ['page'] })
 * async read(@Param('slug') slug: string, @Query('page') page?: string): Promise<Course> { … }
 */
export function CachedResponse(options: CachedResponseOptions = {}): MethodDecorator {
  const settings = responseSettings(options);
  return (target, method, descriptor) => {
    const handler = methodOf('@CachedResponse', target, method, descriptor as TypedPropertyDescriptor<unknown>);
    assertKeyed(target, method, options);
    writeSettings(handler as object, settings);
    UseInterceptors(interceptorOf(options.cache))(target, method, descriptor);
  };
}

/** One class of interceptors per cache name, so that Nest injects the right cache. */
function interceptorOf(name: string | undefined): Type<CachedResponseInterceptor> {
  @Injectable()
  class OfNamedCache extends CachedResponseInterceptor {
    constructor(@Inject(getTieredCacheToken(name)) cache: TieredCache) {
      super(cache);
    }
  }
  return OfNamedCache;
}
