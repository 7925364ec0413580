import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { from, lastValueFrom, map, of } from 'rxjs';
import type { Observable } from 'rxjs';
import { milliseconds } from '../value/duration.js';
import { resolveInstants } from '../catalogue/instants.js';
import type { LoadContext, Loader } from '../cache/loader.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { encodeBody } from './answer-body.js';
import { presentAnswer } from './answering.js';
import { CachedAnswer } from './cached-answer.js';
import { entityTag } from './conditional.js';
import { isFastify, varyBy } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';
import { keptHeaders } from './kept-headers.js';
import { requestKey } from './request-key.js';
import type { ResponseSettings } from './response-settings.js';

const settingsKey = Symbol('nestjs-tiered-cache:response-settings');

export function writeSettings(handler: object, settings: ResponseSettings): void {
  Reflect.defineMetadata(settingsKey, settings, handler);
}

/** Answers GET and HEAD from stored bytes, and stores what the handler answers with 200. */
export abstract class CachedResponseInterceptor implements NestInterceptor {
  constructor(private readonly cache: TieredCache) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<HttpRequest>();
    if (request.method !== 'GET' && request.method !== 'HEAD') return next.handle();
    const response = context.switchToHttp().getResponse<HttpResponse>();
    const handler = context.getHandler();
    const settings = Reflect.getMetadata(settingsKey, handler) as ResponseSettings;
    const principal = settings.principalOf(request);
    if (principal === undefined) return goAround(next, response, settings);

    const text = requestKey(`${context.getClass().name}.${handler.name}`, request, settings.keyedBy, principal);
    const call = new HandlerCall(this.cache, next, response, settings, principal === null);
    const load: Loader<CachedAnswer> = (loading) => call.run(loading);
    const answered = this.cache.getOrSet<CachedAnswer>(settings.keyOf(text), load, settings.optionsFor?.(request));
    return answered.then((answer: CachedAnswer | undefined) => {
      if (answer) return sent(presentAnswer(answer, request, response, settings.presentation, principal !== null));
      varyBy(response, settings.presentation.vary);
      // Not kept: one's own goes out as it is, and who waited for another's makes one.
      return call.unkept ? of(call.unkept.body) : next.handle();
    });
  }
}

const sent = (body: unknown): Observable<unknown> => (body instanceof Promise ? from(body) : of(body));

/** Personal, and nobody said whose: no cache on the way may keep it either. */
function goAround(next: CallHandler, response: HttpResponse, { presentation }: ResponseSettings): Observable<unknown> {
  return next.handle().pipe(
    map((body: unknown) => {
      varyBy(response, presentation.vary);
      if (response.getHeader('cache-control') === undefined) response.header('Cache-Control', 'private, no-store');
      return body;
    }),
  );
}

/** One run of the handler, and what became of its answer. */
class HandlerCall {
  /** Set when the handler has answered with something that is not kept. */
  unkept: { readonly body: unknown } | undefined;

  constructor(
    private readonly cache: TieredCache,
    private readonly next: CallHandler,
    private readonly response: HttpResponse,
    private readonly settings: ResponseSettings,
    private readonly shared: boolean,
  ) {}

  /** `undefined`: not to be kept. A refresh repeats the headers that it replaces: the response at hand is answered already. */
  async run({ stale }: LoadContext<CachedAnswer>): Promise<CachedAnswer | undefined> {
    const createdAt = Date.now();
    const before = stale ? {} : { ...this.response.getHeaders() };
    const body: unknown = await lastValueFrom(this.next.handle(), { defaultValue: undefined });
    this.unkept = { body };
    if (!stale && this.response.statusCode !== 200) return undefined;
    const kept = stale ? stale.head.headers : keptHeaders(before, this.response.getHeaders(), this.shared);
    if (!kept) return undefined;
    const { maxBodyBytes, instances } = this.settings;
    const encoded = await encodeBody(body, this.textType, maxBodyBytes, instances);
    if ('unkept' in encoded) {
      this.unkept = { body: encoded.unkept };
      return undefined;
    }
    const given = new Map(kept);
    for (const [name, value] of Object.entries(encoded.headers)) {
      const ofHandler = stale ? undefined : this.response.getHeader(name);
      if (!given.has(name)) given.set(name, typeof ofHandler === 'string' ? ofHandler : value);
    }
    const type = given.get('content-type');
    if (encoded.kind === 'text' && typeof type === 'string' && /^text\/[^;]*$/.test(type)) {
      given.set('content-type', `${type}; charset=utf-8`);
    }
    const etag = given.get('etag') ?? (encoded.kind === 'spliced' ? undefined : entityTag(encoded.bytes));
    return this.answer(createdAt, encoded.kind, [...given], typeof etag === 'string' ? etag : undefined, encoded.bytes);
  }

  private answer(
    createdAt: number,
    kind: CachedAnswer['head']['kind'],
    headers: CachedAnswer['head']['headers'],
    etag: string | undefined,
    bytes: Buffer,
  ): CachedAnswer {
    const { ttl = 300_000, staleFor = 0, jitter = 0 } = { ...this.cache.defaults, ...this.settings.life };
    const { freshUntil } = resolveInstants({ ttl, staleFor, jitter }, undefined, createdAt);
    const staleForMs = milliseconds(staleFor, 'staleFor');
    return new CachedAnswer({ kind, headers, etag, createdAt, freshUntil, staleForMs }, bytes);
  }

  private get textType(): string {
    return isFastify(this.response) ? 'text/plain; charset=utf-8' : 'text/html; charset=utf-8';
  }
}
