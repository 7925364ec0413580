import 'reflect-metadata';
import { Inject, Injectable, UseInterceptors } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { TieredCache } from '../cache/tiered-cache.js';
import { getTieredCacheToken } from '../cache/injection-tokens.js';
import { memberName, methodOf } from '../value/member.js';
import { assertAnswerable } from './assert-answerable.js';
import { CachedResponseInterceptor, writeSettings } from './cached-response.interceptor.js';
import type { CachedResponseOptions } from './cached-response-options.js';
import { giveStandIns } from './response-arguments.js';
import { responseSettings } from './response-settings.js';
import { assertKeyed, wholeParts } from './route-arguments.js';

/**
 * Answers GET and HEAD requests of a route from the cache, on Express and Fastify: the answer is made once, as the application makes it
 * (interceptors, serializers and the platform's settings are at work), kept as bytes in all tiers, and sent without being serialized again.
 * Only answers with status 200 are kept; none that sets a cookie, says `no-store`, or varies by what is not in its key.
 *
 * The key is made of the handler, its version, host, route and parameters, the chosen query parameters and headers, `keyedBy` and the
 * principal; never of the raw URL. A request with `Authorization`, `Cookie` or a user, or on a route with guards, goes around the cache unless
 * the option `principal` says whose answer it is, or that it is anyone's. Answers carry `ETag`, `Age`, `Cache-Control`, `Vary` and
 * `Cache-Status` (RFC 9110, 9111, 5861, 9211); a matching `If-None-Match` gets a 304.
 *
 * The handler may return anything that it may return without it, a `StreamableFile` (read to its end, up to `maxBodyBytes`) and a
 * `SplicedDocument` included. It, and all interceptors whatever their order, run once for each answer that is kept: what they read of the request
 * has to be in the key. A refresh has a response of its own and is judged as a first answer is.
 *
 * @throws InvalidOptionError at the definition of the class or at the start, naming the handler: it takes what the key knows nothing of, or
 * answers by other means than a body (`@Res()`, `@Redirect()`, `@Render()`, `@Sse()`), or no HTTP request reaches it (resolvers, messages). When
 * the handler runs: it reads `locals`, the request, or a header that middleware has set, of its response.
 * @example
 * @Get(':slug')
 * @CachedResponse({ ttl: '5m', staleFor: '1m', query: ['page'] })
 * async read(@Param('slug') slug: string, @Query('page') page?: string): Promise<Course> { … }
 */
export function CachedResponse(options: CachedResponseOptions = {}): MethodDecorator {
  responseSettings(options, ''); // a bad option is wrong here, not at the method
  return (target, method, descriptor) => {
    const handler = methodOf('@CachedResponse', target, method, descriptor as TypedPropertyDescriptor<unknown>);
    assertAnswerable(memberName(target, method), handler as object);
    assertKeyed(target, method, options);
    const settings = responseSettings(options, String(method), wholeParts(target, method));
    giveStandIns(target, method, descriptor, settings.isRequestCovered);
    writeSettings(descriptor.value as object, settings);
    UseInterceptors(interceptorOf(options.cache))(target, method, descriptor);
  };
}

/** A class for each handler, which Nest injects with the cache of that name. */
function interceptorOf(name: string | undefined): Type<CachedResponseInterceptor> {
  @Injectable()
  class OfNamedCache extends CachedResponseInterceptor {
    constructor(
      @Inject(getTieredCacheToken(name)) cache: TieredCache,
      @Inject(ApplicationConfig) application: ApplicationConfig,
      @Inject(HttpAdapterHost) host: HttpAdapterHost,
    ) {
      super(cache, application, host);
    }
  }
  return OfNamedCache;
}
