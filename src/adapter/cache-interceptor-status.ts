import { CacheInterceptor } from '@nestjs/cache-manager';
import type { ExecutionContext, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { AbstractHttpAdapter, ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Cache } from 'cache-manager';
import { appendCacheStatus, cacheStatusName } from '../value/cache-status-field.js';
import type { CacheStatusMember } from '../value/cache-status-field.js';
import { InvalidKeyError } from '../value/errors.js';
import { LoadNotes } from '../value/load-notes.js';
import { isPromiseLike } from '../value/promise-like.js';
import { storageBelow } from './cache-manager.js';

/** Keys that were asked for, and whose look-up has not ended: of a look-up that rejects nobody is told. Older ones are forgotten. */
const maxAwaited = 1_000;

/** What is used of an interceptor of @nestjs/cache-manager; its types hide some of it. */
interface Watched {
  readonly cacheManager?: unknown;
  readonly httpAdapterHost?: { readonly httpAdapter?: AbstractHttpAdapter };
  trackBy(context: ExecutionContext): unknown;
  setHeadersWhenHttp(context: ExecutionContext, value: unknown): void;
}

/**
 * Has the interceptors of @nestjs/cache-manager, and those that extend them, say in `Cache-Status` (RFC 9211) what their `X-Cache` says, with the
 * reason of a miss, and that a request was by-passed. Interceptors that are made for each request are left as they are.
 */
export class CacheInterceptorStatus implements OnModuleInit, OnApplicationShutdown {
  private readonly asked = new WeakMap<ExecutionContext, string>();
  private readonly awaited = new Set<string>();
  private readonly notes = new LoadNotes((key) => this.awaited.has(key));

  constructor(
    private readonly cache: Cache,
    private readonly name: string,
    private readonly modules: ModulesContainer,
    private readonly application: ApplicationConfig,
  ) {}

  onModuleInit(): void {
    const wrappers = [...this.modules.values()].flatMap(({ injectables, providers }) => [
      ...injectables.values(),
      ...providers.values(),
    ]);
    const made = wrappers.flatMap((one) => (one.isDependencyTreeStatic() ? [one.instance] : []));
    for (const one of new Set([...made, ...this.application.getGlobalInterceptors()])) {
      if (one instanceof CacheInterceptor) this.watch(one as unknown as Watched);
    }
  }

  onApplicationShutdown(): void {
    this.notes.stop();
  }

  private watch(interceptor: Watched): void {
    if (interceptor.cacheManager !== this.cache) return;
    const trackBy = interceptor.trackBy.bind(interceptor);
    const setHeaders = interceptor.setHeadersWhenHttp.bind(interceptor);
    interceptor.trackBy = (context) => {
      const key = trackBy(context);
      const note = (one: unknown): unknown => {
        if (typeof one === 'string' && one !== '') this.begin(context, one);
        else if (context.getType() === 'http') this.write(interceptor, context, this.bypassed(context));
        return one;
      };
      return isPromiseLike(key) ? key.then(note) : note(key);
    };
    interceptor.setHeadersWhenHttp = (context, value) => {
      setHeaders(context, value);
      this.write(interceptor, context, this.found(context, value));
    };
  }

  private begin(context: ExecutionContext, key: string): void {
    const text = this.textOf(key);
    if (text === undefined) return;
    this.asked.set(context, text);
    this.awaited.delete(text);
    this.awaited.add(text);
    if (this.awaited.size <= maxAwaited) return;
    const [oldest] = this.awaited;
    if (oldest !== undefined) this.awaited.delete(oldest);
  }

  /** `undefined`: it is too long for a key. The cache says so where the interceptor expects it, and answers the request all the same. */
  private textOf(key: string): string | undefined {
    try {
      return storageBelow(this.cache)?.key(key).text ?? key;
    } catch (error) {
      if (error instanceof InvalidKeyError) return undefined;
      throw error;
    }
  }

  private found(context: ExecutionContext, value: unknown): CacheStatusMember {
    const text = this.asked.get(context) ?? '';
    this.awaited.delete(text);
    const reason = this.notes.takeMiss(this.name, text);
    const cache = cacheStatusName(this.name);
    if (value !== undefined && value !== null) return { cache, hit: true };
    return { cache, fwd: reason === 'expired' ? 'stale' : 'miss', ...(reason !== undefined && { detail: reason }) };
  }

  /** Of an HTTP request: a message may be `null`, and the root of a GraphQL query is `undefined`. */
  private bypassed(context: ExecutionContext): CacheStatusMember {
    const { method } = context.switchToHttp().getRequest<{ readonly method?: string }>();
    const cache = cacheStatusName(this.name);
    return method === 'GET' ? { cache, fwd: 'bypass', detail: 'no-key' } : { cache, fwd: 'method' };
  }

  private write(interceptor: Watched, context: ExecutionContext, member: CacheStatusMember): void {
    const adapter = interceptor.httpAdapterHost?.httpAdapter;
    if (!adapter || context.getType() !== 'http') return;
    const response = context.switchToHttp().getResponse<unknown>();
    const given: unknown = adapter.getHeader(response, 'Cache-Status');
    adapter.setHeader(response, 'Cache-Status', appendCacheStatus(given, member));
  }
}
