import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import type { Observable } from 'rxjs';
import type { TieredCache } from '../cache/tiered-cache.js';
import { CachedResponses } from './cached-responses.js';
import type { ResponseSettings } from './response-settings.js';

const settingsKey = Symbol('nestjs-tiered-cache:response-settings');

export function writeSettings(handler: object, settings: ResponseSettings): void {
  Reflect.defineMetadata(settingsKey, settings, handler);
}

export const settingsOf = (handler: object): ResponseSettings | undefined =>
  Reflect.getMetadata(settingsKey, handler) as ResponseSettings | undefined;

/** Exchanges that the interceptor has met already, where it stands before all others of the application. */
const met = new WeakSet<ExecutionContext>();

/**
 * Answers from the cache the handlers that are decorated for it. It stands on each of them, and before all other interceptors where there are
 * any: what they make of an answer is then kept with it.
 */
export abstract class CachedResponseInterceptor implements NestInterceptor {
  protected readonly responses: CachedResponses;

  constructor(
    protected readonly cache: TieredCache,
    application: ApplicationConfig,
    host: HttpAdapterHost,
  ) {
    this.responses = new CachedResponses(cache, application, host);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http' || met.has(context)) return next.handle();
    return this.responses.answer(context, next, settingsOf(context.getHandler()) as ResponseSettings);
  }
}

/** The same before all other interceptors, for the handlers of one cache. */
export class FirstResponseInterceptor extends CachedResponseInterceptor {
  override intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const settings = settingsOf(context.getHandler());
    if (settings?.cache !== this.cache.name) return next.handle();
    met.add(context);
    return this.responses.answer(context, next, settings);
  }
}
