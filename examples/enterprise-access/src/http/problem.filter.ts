import { Catch, HttpException, HttpStatus, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { InvalidKeyError, LoadTimeoutError } from 'nestjs-tiered-cache';
import { UpstreamError } from '../clients/upstream-error.js';

interface Problem {
  readonly status: number;
  readonly body: object;
}

/** Errors as clients see them: always a JSON object with a `detail`, on Express and on Fastify. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: unknown, context: ArgumentsHost): void {
    const { status, body } = this.problemOf(error);
    this.host.httpAdapter.reply(context.switchToHttp().getResponse(), body, status);
  }

  private problemOf(error: unknown): Problem {
    if (error instanceof HttpException) return { status: error.getStatus(), body: bodyOf(error) };
    if (error instanceof UpstreamError) {
      this.logger.warn(error.message);
      return { status: HttpStatus.BAD_GATEWAY, body: { detail: `The ${error.service} service failed.` } };
    }
    if (error instanceof LoadTimeoutError) {
      this.logger.warn(error.message);
      return { status: HttpStatus.GATEWAY_TIMEOUT, body: { detail: 'This takes too long. Try again later.' } };
    }
    if (error instanceof InvalidKeyError) return { status: HttpStatus.BAD_REQUEST, body: { detail: error.message } };
    if (isRefusedByServer(error)) return { status: error.statusCode, body: { detail: error.message } };
    this.logger.error(error);
    return { status: HttpStatus.INTERNAL_SERVER_ERROR, body: { detail: 'Internal error.' } };
  }
}

function bodyOf(error: HttpException): object {
  const body = error.getResponse();
  return typeof body === 'object' && 'detail' in body ? body : { detail: error.message };
}

/** What Express and Fastify throw for a body that they can't read. */
function isRefusedByServer(error: unknown): error is { statusCode: number; message: string } {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500;
}
