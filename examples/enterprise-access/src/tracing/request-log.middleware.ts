import { Injectable, Logger } from '@nestjs/common';
import type { NestMiddleware } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RequestTrace, runTraced } from './request-trace.js';

/** One line per request: status, duration, and which tier answered. */
@Injectable()
export class RequestLogMiddleware implements NestMiddleware<
  IncomingMessage & { originalUrl?: string },
  ServerResponse
> {
  private readonly logger = new Logger('Request');

  use(request: IncomingMessage & { originalUrl?: string }, response: ServerResponse, next: () => void): void {
    const trace = new RequestTrace();
    const startedAt = performance.now();
    response.once('close', () => {
      const status = response.writableFinished ? response.statusCode : 'cut';
      const took = `${(performance.now() - startedAt).toFixed(1)} ms`;
      this.logger.log(
        `${status} ${took} [${trace.toString()}] ${request.method} ${request.originalUrl ?? request.url}`,
      );
    });
    runTraced(trace, next);
  }
}
