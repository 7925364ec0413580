import { Catch, HttpStatus, Logger } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { LeaseLostError, LockHeldError, LockUnavailableError, StoreUnavailableError } from 'nestjs-tiered-cache';

/** Held: 429, try again. Unavailable or lost: 503; a retry is safe, since it gets the first transaction if there is one. */
@Catch(LockHeldError, LockUnavailableError, LeaseLostError, StoreUnavailableError)
export class RedemptionLockFilter implements ExceptionFilter {
  private readonly logger = new Logger(RedemptionLockFilter.name);

  constructor(private readonly host: HttpAdapterHost) {}

  catch(
    error: LockHeldError | LockUnavailableError | LeaseLostError | StoreUnavailableError,
    context: ArgumentsHost,
  ): void {
    const response: unknown = context.switchToHttp().getResponse();
    const held = error instanceof LockHeldError;
    if (!held) this.logger.warn(error.message);
    const seconds = held ? Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1_000)) : 1;
    const detail = held
      ? 'Enrollment currently locked for this subsidy access policy.'
      : 'Enrollment can not be locked at the moment. Try again.';
    this.host.httpAdapter.setHeader(response, 'Retry-After', `${seconds}`);
    const status = held ? HttpStatus.TOO_MANY_REQUESTS : HttpStatus.SERVICE_UNAVAILABLE;
    this.host.httpAdapter.reply(response, { detail }, status);
  }
}
