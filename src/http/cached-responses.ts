import { HttpException, Logger } from '@nestjs/common';
import type { CallHandler, ExecutionContext } from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { from, mergeMap, of, tap, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import type { EntryOptions } from '../catalogue/entry-options.js';
import { entryValues } from '../catalogue/entry-values.js';
import { resolveInstants } from '../catalogue/instants.js';
import { fitsKey } from '../key/key.js';
import type { LoadContext } from '../load/loader.js';
import { clockOf } from '../cache/clock-of.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import type { Clock } from '../value/clock.js';
import { milliseconds } from '../value/duration.js';
import { closeToOthers, presentAnswer, presentUnkept } from './answering.js';
import { CachedAnswer } from './cached-answer.js';
import { bypassReason, CachedRoutes, isPrivateFor } from './cached-route.js';
import type { CachedRoute } from './cached-route.js';
import { failureOf } from './close-body.js';
import { HandlerRun, RefusedRefresh } from './handler-run.js';
import { whenHeadersGo } from './headers-to-go.js';
import { rawResponse, varyBy } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';
import { keyedTo } from './keyed-parts.js';
import { LoadReport } from './load-report.js';
import type { AskedAnswer, RunOf } from './load-report.js';
import type { Principal } from './principal.js';
import { ReadHeaders } from './read-headers.js';
import { requestKey } from './request-key.js';
import type { ResponseSettings } from './response-settings.js';
import { writeCacheStatus } from './response-status.js';
import { cacheStatusName } from '../value/cache-status-field.js';
import type { CacheStatusMember } from '../value/cache-status-field.js';
import { UnkeptKeys } from './unkept-keys.js';
import { keepCookiesPrivate, ofNobodyElse } from './visibility.js';

/** One request on its way to a decorated handler. */
interface Exchange {
  readonly context: ExecutionContext;
  readonly next: CallHandler;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly route: CachedRoute;
  /** By code of the application, to tell answers apart. */
  readonly read: ReadHeaders;
}

/** Answers the GET and HEAD requests of decorated handlers from one cache, and has it keep what they answer with 200. */
export class CachedResponses {
  private readonly clock: Clock;
  private readonly routes: CachedRoutes;
  private readonly report: LoadReport;
  private readonly logger = new Logger('CachedResponse');
  private readonly warned = new Set<string>();
  private readonly unkept: UnkeptKeys;
  /** By the cache's default life. Asked for by the first request: a stand-in for the cache has no defaults. */
  private isKeptByDefault: boolean | undefined = undefined;

  constructor(
    private readonly cache: TieredCache,
    application: ApplicationConfig,
    private readonly host: HttpAdapterHost,
  ) {
    this.routes = new CachedRoutes(application);
    this.report = new LoadReport(cache);
    this.clock = clockOf(cache);
    this.unkept = new UnkeptKeys(this.clock);
  }

  answer(
    context: ExecutionContext,
    next: CallHandler,
    settings: ResponseSettings,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const response = context.switchToHttp().getResponse<HttpResponse>();
    const read = new ReadHeaders(request);
    const exchange = { context, next, request, response, route: this.routes.of(context, settings), read };
    const cache = cacheStatusName(this.cache.name);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      say(exchange, { cache, fwd: 'method' });
      return next.handle().pipe(mergeMap(presentation(exchange)));
    }
    const { route } = exchange;
    const { versionByCode } = route;
    if (versionByCode) read.during(() => versionByCode(request.raw ?? request));
    const principal = settings.isRequestCovered
      ? read.during(() => settings.principalOf(request))
      : settings.principalOf(request);
    let reason = bypassReason(route, request, response, principal);
    const { inKey, keyedBy: by } = settings;
    const keyedBy = by && ((given: HttpRequest) => read.during(() => by(given)));
    if (principal !== undefined && reason === undefined) {
      const text = requestKey(route, request, inKey, keyedBy, principal);
      if (fitsKey(text)) return this.fromCache(exchange, principal, text);
      reason = 'long-key';
    } else if (principal !== undefined && reason === 'patched-response') keyedBy?.(request); // caches on the way may keep it
    say(exchange, { cache, fwd: 'bypass', detail: reason ?? 'principal' });
    const tellsNobody = reason === 'patched-response' || reason === 'long-key';
    const isOpen = tellsNobody && principal === null && !isPrivateFor(route, request, null);
    return asItIs(next.handle(), exchange, !isOpen);
  }

  private async fromCache(exchange: Exchange, principal: Principal, text: string): Promise<Observable<unknown>> {
    const { request, response, route } = exchange;
    const { settings } = route;
    const isPrivate = isPrivateFor(route, request, principal);
    const key = settings.keyOf(text);
    const asked = this.report.ask(text, key, settings.status === 'key');
    const run = this.runOf(exchange, principal);
    let answer: CachedAnswer | undefined;
    try {
      const make = (how: RunOf): Promise<CachedAnswer> =>
        this.make(how, text, run, asked, route) as Promise<CachedAnswer>;
      const load = ({ stale }: LoadContext<CachedAnswer>): Promise<CachedAnswer> => make(stale ? 'refresh' : 'load');
      answer = await (this.unkept.has(text)
        ? make('beside')
        : this.cache.getOrSet<CachedAnswer>(key, load, this.optionsOf(settings, request)));
    } catch (error) {
      if (error instanceof RefusedRefresh) return this.notKept(exchange, run, asked, isPrivate);
      run.leaveUnread();
      run.handOver();
      say(exchange, asked.failed(error instanceof HttpException ? error.getStatus() : undefined));
      return asItIs(
        throwError(() => error),
        exchange,
        isPrivate,
      );
    }
    if (!answer) return this.notKept(exchange, run, asked, isPrivate);
    run.leaveUnread();
    run.rememberBeginning();
    if (asked.isOwn(answer)) run.handOverDropped();
    say(exchange, asked.answered(answer, answer.leftMs(this.clock)));
    const { cacheControl, fill } = settings;
    const vary = varyOf(exchange);
    const ageMs = answer.ageMs(this.clock);
    const sent = presentAnswer(answer, request, response, { cacheControl, vary, fill, isPrivate, ageMs });
    return sent instanceof Promise ? from(sent) : of(sent);
  }

  /** Where the cache's default is 0, a route without a life of its own says so to the cache: no request waits for an answer that is not kept. */
  private optionsOf(settings: ResponseSettings, request: HttpRequest): EntryOptions<CachedAnswer> | undefined {
    const options = settings.optionsFor?.(request);
    this.isKeptByDefault ??= entryValues.ttl(this.cache.defaults.ttl) !== 0;
    return this.isKeptByDefault || settings.life.ttl !== undefined ? options : { ...options, ttl: 0 };
  }

  /** One's own goes out as it is, and whoever waited for another's makes one. */
  private notKept(exchange: Exchange, run: HandlerRun, asked: AskedAnswer, isPrivate: boolean): Observable<unknown> {
    const { unkept } = run;
    if (unkept) run.handOver();
    say(exchange, asked.unkept(unkept?.reason, exchange.response.statusCode));
    const failure = failureOf(unkept?.body);
    const own = failure === undefined ? of(unkept?.body) : throwError(() => failure);
    return asItIs(unkept ? own : handlerOf(exchange).handle(), exchange, isPrivate);
  }

  private runOf(exchange: Exchange, principal: Principal): HandlerRun {
    const { context, request, response, route } = exchange;
    const { keepHeaders: keep, maxBodyBytes, isRequestCovered: covered } = route.settings;
    const rules = { keep, keyed: route.keyed, shared: principal === null, covered };
    return new HandlerRun(context, handlerOf(exchange), request, response, this.host.httpAdapter, rules, maxBodyBytes);
  }

  /** `undefined`: not to be kept. */
  private async make(
    how: RunOf,
    text: string,
    run: HandlerRun,
    asked: AskedAnswer,
    route: CachedRoute,
  ): Promise<CachedAnswer | undefined> {
    const createdAt = this.clock.now();
    asked.begin(createdAt, how);
    try {
      const made = await run.run(how === 'refresh');
      if (!made) return void (how !== 'refresh' && this.unkept.note(text)); // nobody waits for a refresh
      this.unkept.forget(text);
      this.warnOf(made.dropped, route);
      const { ttl = 300_000, staleFor = 0, jitter = 0 } = { ...this.cache.defaults, ...route.settings.life };
      const { freshUntil } = resolveInstants({ ttl, staleFor, jitter }, undefined, createdAt);
      const { kind, headers, etag, bytes } = made;
      const removed = made.removed.length > 0 && { removed: made.removed };
      const staleForMs = milliseconds(staleFor, 'staleFor');
      return new CachedAnswer({ kind, headers, ...removed, etag, createdAt, freshUntil, staleForMs }, bytes);
    } catch (error) {
      this.unkept.forget(text); // the next asks the store, and the failure is held
      throw error;
    } finally {
      asked.end();
    }
  }

  private warnOf(dropped: readonly string[], { identity }: CachedRoute): void {
    for (const name of dropped) {
      if (this.warned.has(`${identity} ${name}`)) continue;
      this.warned.add(`${identity} ${name}`);
      this.logger.warn(
        `${identity} sets ${name}: only the caller whose request ran the handler is given it. Name it in keepHeaders if all shall be.`,
      );
    }
  }
}

function handlerOf({ next, request, route: { settings, hasHost } }: Exchange): CallHandler {
  const makeKey = (): unknown => [
    settings.principalOf(request),
    settings.keyedBy?.(request),
    hasHost && request.hostname,
  ];
  return keyedTo(settings.keyedParts, next, request, makeKey);
}

function varyOf({ route: { vary, keyed }, read: { names } }: Exchange): readonly string[] {
  return names.size === 0 ? vary : [...vary, ...[...names].filter((name) => !keyed.has(name))];
}

function say({ response, route }: Exchange, member: CacheStatusMember): void {
  if (route.settings.status !== false) writeCacheStatus(response, member);
}

/** An answer beside the cache, or an error. Where it is personal, no cache on the way may keep it either. */
function asItIs(body: Observable<unknown>, exchange: Exchange, isPrivate: boolean): Observable<unknown> {
  const { response } = exchange;
  const finish = (): void => {
    varyBy(response, varyOf(exchange));
    if (isPrivate || response.getHeader('set-cookie') !== undefined) closeToOthers(response, ofNobodyElse);
    whenHeadersGo(rawResponse(response), keepCookiesPrivate);
  };
  return body.pipe(mergeMap(presentation(exchange)), tap({ next: finish, error: finish }));
}

/** Of a body that is sent as it is, but for documents. */
function presentation({ request, response, route }: Exchange): (given: unknown) => Observable<unknown> {
  return (given) => {
    const sent = presentUnkept(given, request, response, route.settings.fill);
    return sent instanceof Promise ? from(sent) : of(sent);
  };
}
