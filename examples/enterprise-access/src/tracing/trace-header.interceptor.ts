import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { tap } from 'rxjs';
import type { Observable } from 'rxjs';
import { currentTrace } from './request-trace.js';

/** `X-Cache: process`: where the answer came from, for those who measure. */
@Injectable()
export class TraceHeaderInterceptor implements NestInterceptor {
  constructor(private readonly host: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const trace = currentTrace();
    const response: unknown = context.switchToHttp().getResponse();
    return next.handle().pipe(
      tap(() => {
        if (trace) this.host.httpAdapter.setHeader(response, 'X-Cache', trace.toString());
      }),
    );
  }
}
