import type { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { TieredCache } from '../cache/tiered-cache.js';
import { FirstResponseInterceptor } from '../http/cached-response.interceptor.js';
import { areSurrounded, examineRoutes } from '../http/examine-routes.js';
import { RequestScopeInterceptor } from './request-scope.interceptor.js';

/**
 * Looks at the routes that `@CachedResponse` decorates, and has the cache answer before all other interceptors of the application: what they make
 * of an answer is then kept with it. Only the scope of the request, which grants forced misses, comes before that. To be called after all
 * modules were made, and before routes are.
 *
 * @throws InvalidOptionError naming the handler, with what to do.
 */
export function answerFirst(
  modules: ModulesContainer,
  application: ApplicationConfig,
  host: HttpAdapterHost,
  cache: TieredCache,
): void {
  if (!areSurrounded(examineRoutes(modules, application, cache), application)) return;
  const all = application.getGlobalInterceptors();
  const scopes = all.filter((one) => one instanceof RequestScopeInterceptor);
  const others = all.filter((one) => !(one instanceof RequestScopeInterceptor));
  all.splice(0, all.length, ...scopes, new FirstResponseInterceptor(cache, application, host), ...others);
}
