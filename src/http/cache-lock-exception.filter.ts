import { Catch, HttpException, HttpStatus, Inject, Optional } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { throwError } from 'rxjs';
import { InvalidOptionError, LeaseLostError, LockHeldError, LockUnavailableError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { isSent, rawResponse, removeHeader } from './http-exchange.js';
import type { HttpResponse } from './http-exchange.js';
import { SeenSections } from './seen-sections.js';
import { sendException } from './socket-exception.js';

type LockError = LockHeldError | LockUnavailableError | LeaseLostError;
type Detail<E> = string | ((error: E) => string);

interface Answer {
  readonly status: HttpStatus;
  readonly detail: string;
  /** Absent where the section has run. */
  readonly retryAfterSeconds?: number;
}

/** What clients are told. Resources stand in no answer unless a function puts them there. */
export interface CacheLockExceptionOptions {
  /** For 429. Default `'This resource is locked by another request.'` */
  readonly held?: Detail<LockHeldError>;
  /** For 503: nothing has run. Default `'Locks are unavailable at the moment; nothing was done.'` */
  readonly unavailable?: Detail<LockUnavailableError>;
  /** For 409: the section ran, but was not alone to its end. Default `'The lock was lost; check the outcome before trying again.'` */
  readonly lost?: Detail<LeaseLostError>;
  /** `Retry-After` in whole seconds where nothing is known of the lock: for 503, and for 429 without an end of the lease. Default 1; 0 is sent as 1. */
  readonly retryAfterSeconds?: number;
}

/** Provide CacheLockExceptionOptions under this token, for a filter that Nest makes. */
export const CACHE_LOCK_EXCEPTION_OPTIONS = 'nestjs-tiered-cache:lock-exception-options';

const known = KnownOptions.of<CacheLockExceptionOptions>('CacheLockExceptionFilter', {
  held: true,
  unavailable: true,
  lost: true,
  retryAfterSeconds: true,
});

/** Longest `Retry-After` of a lease where no section of the kind was seen here: it is renewed, or released long before its end. */
const maxUnseenMs = 10_000;

/** One for the process, as the events are. */
let seen: SeenSections | undefined;

/**
 * Answers for locks, on Express and Fastify: 429 with `Retry-After` when somebody else holds the lock, 503 with `Retry-After` when nobody can
 * know, 409 when the lock was lost. The body is `{ "detail": … }`. (423 is not used: browsers treat it as a plain 400.)
 *
 * Nothing has run where the answer is 429 or 503. Where it is 409 the section has run, so no `Retry-After` asks for a second time.
 *
 * `Retry-After` of a 429 is the earlier of the end of the lease and the longest of the last eight sections on resources of the same first part
 * that this process has seen; where it has seen none, 10 seconds of a lease at most. It is a whole number of seconds, at least 1.
 *
 * An answer that a handler has begun by itself (`@Res()`) is cut off with its connection, so that nobody takes a part for the whole.
 *
 * Elsewhere it is the message of the error, too: a GraphQL resolver and a message pattern fail with an HttpException that holds both, a client of a gateway is
 * sent `{ status: 'error', message, retryAfterSeconds }` as the event `exception`. Nest 11 runs no global filter for gateways: put it on the class there.
 *
 * Made by you, or by Nest: `{ provide: APP_FILTER, useClass: CacheLockExceptionFilter }`, `@UseFilters(CacheLockExceptionFilter)`. Nest gives it
 * what is provided as {@link CACHE_LOCK_EXCEPTION_OPTIONS}, if anything is.
 *
 * @throws InvalidOptionError for an unknown option, and seconds that are not whole.
 * @example app.useGlobalFilters(new CacheLockExceptionFilter({ held: 'Enrollment currently locked for this subsidy access policy.' }));
 */
@Catch(LockHeldError, LockUnavailableError, LeaseLostError)
export class CacheLockExceptionFilter implements ExceptionFilter<LockError> {
  private readonly options: CacheLockExceptionOptions;

  constructor(@Optional() @Inject(CACHE_LOCK_EXCEPTION_OPTIONS) options: CacheLockExceptionOptions = {}) {
    known.check(options);
    const { retryAfterSeconds = 1 } = options;
    if (!Number.isSafeInteger(retryAfterSeconds) || retryAfterSeconds < 0) {
      const problem = `${String(retryAfterSeconds)} is no number of whole seconds`;
      throw new InvalidOptionError('CacheLockExceptionFilter.retryAfterSeconds', problem, 'Give 1 or more.');
    }
    this.options = options;
    seen ??= new SeenSections();
  }

  catch(error: LockError, host: ArgumentsHost): unknown {
    const { status, detail, ...retry } = this.answer(error);
    if (host.getType<string>() === 'http') {
      const response = host.switchToHttp().getResponse<HttpResponse>();
      const raw = rawResponse(response);
      if (isSent(response) || raw.headersSent) {
        // A handler that wrote by itself: nobody else ends it, and what there is of it is no whole answer.
        if (!raw.writableEnded) raw.destroy();
        return undefined;
      }
      if (retry.retryAfterSeconds) response.header('Retry-After', `${retry.retryAfterSeconds}`);
      // A type that the route has for its own body: Express would keep it, and Fastify sends no object under it.
      removeHeader(response, 'Content-Type');
      response.status(status).send({ detail });
      return undefined;
    }
    if (host.getType<string>() === 'ws') {
      sendException(host.switchToWs().getClient(), { status: 'error', message: detail, ...retry });
      return undefined;
    }
    // Whoever sent a message gets all that the exception holds, so that it has no cause there: that one names the resource.
    const isOfGraphql = host.getType<string>() === 'graphql';
    const exception = new HttpException({ detail, ...retry }, status, isOfGraphql ? { cause: error } : {});
    exception.message = detail;
    return isOfGraphql ? exception : throwError(() => exception);
  }

  private answer(error: LockError): Answer {
    const { held, unavailable, lost, retryAfterSeconds = 1 } = this.options;
    if (error instanceof LockHeldError) {
      const { resource, retryAfterMs: leaseMs } = error;
      const longestMs = seen?.longestOf(resource) ?? (leaseMs === undefined ? Infinity : maxUnseenMs);
      const seconds = Math.ceil(Math.min(leaseMs ?? retryAfterSeconds * 1_000, longestMs) / 1_000);
      const detail = worded(held ?? 'This resource is locked by another request.', error);
      return { status: HttpStatus.TOO_MANY_REQUESTS, detail, retryAfterSeconds: Math.max(1, seconds) };
    }
    if (error instanceof LockUnavailableError) {
      const detail = worded(unavailable ?? 'Locks are unavailable at the moment; nothing was done.', error);
      return { status: HttpStatus.SERVICE_UNAVAILABLE, detail, retryAfterSeconds: Math.max(1, retryAfterSeconds) };
    }
    // It has run: 503 and Retry-After would make clients and proxies repeat it by themselves.
    const detail = worded(lost ?? 'The lock was lost; check the outcome before trying again.', error);
    return { status: HttpStatus.CONFLICT, detail };
  }
}

const worded = <E>(detail: Detail<E>, error: E): string => (typeof detail === 'function' ? detail(error) : detail);
