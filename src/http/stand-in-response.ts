import { ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { InvalidOptionError } from '../value/errors.js';
import { nextTick } from '../value/turn.js';
import { whenClosed } from '../value/when-closed.js';
import { setHeader } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

type Constructor = new (raw: ServerResponse, request: object, log: unknown) => HttpResponse;

/**
 * The response of one run of a handler, with no client at its other end: what the run sets can be judged before anything is sent, and a
 * refresh can't touch the answer that was sent already. It is a response of the platform, with all that the platform's has.
 */
export interface StandIn {
  readonly response: HttpResponse;
  /** Whether the run has sent an answer by itself. */
  readonly isEnded: () => boolean;
  /** Whether the run has set cookies that no header shows yet. */
  readonly setsCookies: () => boolean;
  /** Names of headers that the run has removed, in lower case; it may have set them again. */
  readonly removed: ReadonlySet<string>;
  /** Names of headers that the run has set, in lower case, and those that the platform sets while it serializes. */
  readonly set: ReadonlySet<string>;
  /** What the platform makes of a body: its settings, serializers and hooks have been at it. */
  readonly serialize: (body: unknown) => Promise<Buffer>;
  /**
   * Tells who listens to it that it has finished and is closed, such as an interceptor that logs, or a handler that gives something back.
   * @param sender the response that sends what the run has made: it ends when that does. Default: now, since nothing of the run is needed any more.
   */
  readonly end: (sender?: ServerResponse) => void;
}

/** What stands on a response before its handler runs. */
export interface Beginning {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

export const beginningOf = (response: HttpResponse): Beginning => ({
  status: response.statusCode,
  headers: { ...response.getHeaders() },
});

export function standInFor(
  request: HttpRequest,
  response: HttpResponse,
  { status, headers }: Beginning,
  adapter: AbstractHttpAdapter,
): StandIn {
  const sink = responseSink(request);
  const standIn = response.raw
    ? fastifyReply(request, response, sink.raw)
    : expressResponse(request, response, sink.raw);
  standIn.status(status);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    // Where middleware has set it is where a handler of Fastify removes it.
    if (response.raw?.getHeader(name) === value) sink.raw.setHeader(name, value as string);
    else setHeader(standIn, name, value);
  }
  const both = response.raw ? [standIn, sink.raw] : [standIn];
  return {
    response: standIn,
    isEnded: () => sink.raw.writableEnded,
    removed: watchHeaders(both, 'removeHeader'),
    set: watchHeaders(both, 'setHeader', 'header', 'type'),
    setsCookies: response.raw ? watchCookies(standIn) : () => false,
    async serialize(body) {
      adapter.reply(standIn, body);
      return sink.ended;
    },
    end(sender) {
      if (sender && !sender.closed) whenClosed(sender, () => tellEnd(sink.raw, sender.writableFinished));
      else nextTick(tellEnd, sink.raw, true);
    },
  };
}

function tellEnd(raw: ServerResponse, isFinished: boolean): void {
  if (isFinished) raw.emit('finish');
  raw.emit('close');
}

/** Where the bytes of a stand-in go. */
function responseSink(request: HttpRequest): { readonly raw: ServerResponse; readonly ended: Promise<Buffer> } {
  const raw = new ServerResponse(request.raw ?? (request as never));
  const chunks: Buffer[] = [];
  const take = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string')
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const ended = new Promise<Buffer>((resolve) => {
    const write = (chunk: unknown, encoding: unknown): boolean => {
      take(chunk, encoding);
      return true;
    };
    const end = (chunk: unknown, encoding: unknown): ServerResponse => {
      take(chunk, encoding);
      Object.defineProperty(raw, 'writableEnded', { value: true, configurable: true });
      resolve(Buffer.concat(chunks));
      return raw;
    };
    Object.defineProperties(raw, {
      write: { value: write, configurable: true },
      end: { value: end, configurable: true },
    });
  });
  return { raw, ended };
}

/** `GET` and never fresh: conditions and bodiless methods are the real response's to answer. */
function expressResponse(request: HttpRequest, response: HttpResponse, raw: ServerResponse): HttpResponse {
  Object.setPrototypeOf(raw, Object.getPrototypeOf(response) as object);
  const standIn = raw as unknown as HttpResponse;
  const asked = Object.create(request, { method: { value: 'GET' }, fresh: { value: false } }) as object;
  Object.defineProperty(standIn, 'req', { value: asked, writable: true, configurable: true });
  // A `json` of the real one's own sends the bytes that are served while a refresh runs, on the real one: a patched response never comes here.
  const isMissing = (key: PropertyKey): boolean => !Object.hasOwn(standIn, key) && !(key in ServerResponse.prototype);
  copyTo(standIn, response, (key) => key !== 'json' && isMissing(key));
  return standIn;
}

function fastifyReply(request: HttpRequest, reply: HttpResponse, raw: ServerResponse): HttpResponse {
  const { constructor, log } = reply as unknown as { constructor: Constructor; log: unknown };
  const standIn = new constructor(raw, withoutSendHooks(request), log);
  copyTo(standIn, reply, (key) => (Reflect.get(standIn, key) ?? undefined) === undefined);
  return standIn;
}

/** @fastify/cookie collects cookies beside the reply, and writes their header when the answer is sent. */
function watchCookies(reply: object): () => boolean {
  let isSet = false;
  for (const name of ['setCookie', 'cookie', 'clearCookie']) {
    const set: unknown = Reflect.get(reply, name);
    if (typeof set !== 'function') continue;
    const value = function (this: unknown, ...args: unknown[]): unknown {
      isSet = true;
      return Reflect.apply(set, this, args);
    };
    Object.defineProperty(reply, name, { value, configurable: true, writable: true });
  }
  return () => isSet;
}

/**
 * The headers that a method is called for, whether they stood there or not, and whatever stood there: middleware may set them for other callers alone, as it
 * does for CORS.
 *
 * @param methods those that a response has are watched, since replies of Fastify may be given some of Express's. `type` sets the content type.
 */
function watchHeaders(responses: readonly object[], ...methods: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const one of responses) {
    for (const method of methods) {
      const change: unknown = Reflect.get(one, method);
      if (typeof change !== 'function') continue;
      const value = function (this: unknown, ...args: unknown[]): unknown {
        const name = method === 'type' ? 'content-type' : args[0];
        if (typeof name === 'string') names.add(name.toLowerCase());
        return Reflect.apply(change, this, args);
      };
      Object.defineProperty(one, method, { value, configurable: true, writable: true });
    }
  }
  return names;
}

/** What hooks and middleware have put on the real one. */
function copyTo(standIn: object, real: object, isMissing: (key: PropertyKey) => boolean): void {
  for (const key of Reflect.ownKeys(real)) if (isMissing(key)) Reflect.set(standIn, key, Reflect.get(real, key));
}

/**
 * The request as a reply of Fastify sees it, on a route without `onSend` hooks: they work on what is sent, so they run when the answer is.
 * The context of the route stands under a symbol that Fastify doesn't export; it is known by what it holds.
 *
 * @throws InvalidOptionError where there is none: this Fastify is not known.
 */
function withoutSendHooks(request: HttpRequest): object {
  for (const key of Object.getOwnPropertySymbols(request)) {
    const context: unknown = Reflect.get(request, key);
    if (typeof context !== 'object' || context === null) continue;
    if (!('preSerialization' in context) || !('onSend' in context)) continue;
    return Object.create(request, {
      [key]: { value: Object.create(context, { onSend: { value: null } }) as object, writable: true },
    }) as object;
  }
  throw new InvalidOptionError(
    '@CachedResponse',
    'this version of Fastify keeps the hooks of its routes where they are not found',
    'Use Fastify 5.',
  );
}
