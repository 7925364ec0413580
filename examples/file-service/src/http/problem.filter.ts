import { Catch, HttpException, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** What the library's errors are to clients, by their codes. */
const statuses: Readonly<Record<string, number>> = {
  OBJECT_NOT_FOUND: 404,
  OBJECT_SIZE: 413,
  OBJECT_CHANGED: 409,
  OBJECT_DAMAGED: 502,
  OBJECT_DENIED: 502,
  OBJECT_ARCHIVED: 502,
  OBJECT_STORE_UNAVAILABLE: 503,
  INVALID_KEY: 400,
};

/** Errors as clients see them: a JSON object with a `detail`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: unknown, context: ArgumentsHost): void {
    const response: { headersSent: boolean; destroy(): void } = context.switchToHttp().getResponse();
    if (response.headersSent) return response.destroy();
    const status = error instanceof HttpException ? error.getStatus() : (statuses[codeOf(error)] ?? 500);
    if (status >= 500) this.logger.error(error);
    const detail =
      error instanceof HttpException ? error.message : status < 500 ? (error as Error).message : 'It failed.';
    this.host.httpAdapter.reply(response, { detail }, status);
  }
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
