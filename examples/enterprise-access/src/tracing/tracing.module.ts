import { Module } from '@nestjs/common';
import type { MiddlewareConsumer, NestModule, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { onCacheEvent } from 'nestjs-tiered-cache';
import { RequestLogMiddleware } from './request-log.middleware.js';
import { currentTrace } from './request-trace.js';
import { TraceHeaderInterceptor } from './trace-header.interceptor.js';

/** Listens to the cache's events and tells, request by request, which tier answered. */
@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: TraceHeaderInterceptor }] })
export class TracingModule implements NestModule, OnModuleInit, OnApplicationShutdown {
  private unsubscribe: (() => void)[] = [];

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(RequestLogMiddleware).forRoutes('{*path}');
  }

  onModuleInit(): void {
    this.unsubscribe = [
      onCacheEvent('hit', ({ tier, key }) => currentTrace()?.note(tier, key)),
      onCacheEvent('loadStarted', ({ key }) => currentTrace()?.note('load', key)),
      onCacheEvent('loadJoined', ({ key }) => currentTrace()?.note('joined load', key)),
      onCacheEvent('lockAcquired', ({ resource }) => currentTrace()?.note('lock', resource)),
    ];
  }

  onApplicationShutdown(): void {
    for (const stop of this.unsubscribe) stop();
  }
}
