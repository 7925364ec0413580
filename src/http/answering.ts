import { renderSpliced } from '../codec/spliced/render-spliced.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import { RenderedDocument } from '../codec/spliced/rendered-document.js';
import { SplicedDocument } from '../codec/spliced/spliced-document.js';
import { InvalidOptionError } from '../value/errors.js';
import { jsonType } from './answer-body.js';
import type { AnswerHead, CachedAnswer } from './cached-answer.js';
import { entityTag, matches, weakenWhereEncoded } from './conditional.js';
import { whenHeadersGo } from './headers-to-go.js';
import { keepCookiesPrivate, ofNobodyElse, privateControl } from './visibility.js';
import { rawResponse, removeHeader, sendsBytes, setHeader, varyBy } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

/** How answers of one handler are presented to one caller. */
export interface Presentation {
  readonly cacheControl: 'max-age' | 'no-cache' | false;
  readonly vary: readonly string[];
  readonly fill: ((request: HttpRequest) => Fillers) | undefined;
  /** No shared cache may give it to another caller. */
  readonly isPrivate: boolean;
  readonly ageMs: number;
}

/** What an application says of a document before its holes are filled: the bytes that are sent have other dates and digests. */
const ofTemplate: readonly string[] = ['last-modified', 'content-digest', 'repr-digest'];

/** What caches honour at most; more is as good as endless (RFC 9111, 1.2.2). */
const maxSeconds = 365 * 24 * 60 * 60;

/**
 * Sets status and headers, and returns what Nest is to send: the stored bytes, or nothing for a 304. A promise only for what has to be
 * filled first.
 *
 * @throws InvalidOptionError, FillerError for a spliced document that can't be filled.
 */
export function presentAnswer(
  answer: CachedAnswer,
  request: HttpRequest,
  response: HttpResponse,
  presentation: Presentation,
): unknown {
  const { head } = answer;
  const { cacheControl } = presentation;
  if (head.kind !== 'spliced') {
    const directives = cacheControl && (() => directivesOf(head, cacheControl, response, presentation.isPrivate));
    return send(head, answer.body, head.etag, directives, request, response, presentation);
  }
  return filled(answer.document, request, presentation.fill).then((bytes) => {
    const directives = cacheControl && (() => 'private, no-cache');
    const own = { ...presentation, isPrivate: true };
    const headers = head.headers.filter(([name]) => !ofTemplate.includes(name));
    for (const name of ofTemplate) response.removeHeader(name);
    return send({ ...head, headers }, bytes, entityTag(bytes), directives, request, response, own);
  });
}

function send(
  { headers, removed = [] }: AnswerHead,
  body: Buffer,
  etag: string | undefined,
  directives: (() => string) | false,
  request: HttpRequest,
  response: HttpResponse,
  { vary, isPrivate, ageMs }: Presentation,
): unknown {
  response.status(200); // which it was judged by: `@HttpCode` may have set another, that its handler has changed
  for (const name of removed) removeHeader(response, name);
  for (const [name, value] of headers) setHeader(response, name, value);
  varyBy(response, vary);
  if (etag !== undefined) setHeader(response, 'ETag', etag);
  setHeader(response, 'Age', `${Math.floor(ageMs / 1_000)}`);
  if (directives && response.getHeader('cache-control') === undefined) {
    setHeader(response, 'Cache-Control', directives());
  }
  if (isPrivate) closeToOthers(response);
  else if (response.getHeader('set-cookie') !== undefined) closeToOthers(response, ofNobodyElse);
  const [encoding, type] = [response.getHeader('content-encoding'), response.getHeader('content-type')];
  whenHeadersGo(rawResponse(response), (late) => {
    // Fastify says so of bytes. What a serializer of the reply has made has no type, and goes without one.
    if (type === undefined && late.getHeader('content-type') === 'application/octet-stream')
      late.removeHeader('content-type');
    keepCookiesPrivate(late);
    weakenWhereEncoded(late, encoding);
  });
  if (etag !== undefined && matches(request.headers['if-none-match'], etag)) {
    response.status(304);
    return undefined;
  }
  if (body.length === 0) return undefined;
  sendsBytes(response);
  return body;
}

/**
 * What Nest is to send of a body that is not kept, or whose request goes around the cache: the bytes of a document, and anything else as it is. A promise
 * only for what has to be filled first, which is its caller's alone.
 *
 * @throws as `presentAnswer`.
 */
export function presentUnkept(
  body: unknown,
  request: HttpRequest,
  response: HttpResponse,
  fill: Presentation['fill'],
): unknown {
  if (body instanceof RenderedDocument) return asJson(body.toBuffer(), response);
  if (!(body instanceof SplicedDocument)) return body;
  return filled(body, request, fill).then((bytes) => {
    for (const name of ['etag', ...ofTemplate]) response.removeHeader(name);
    closeToOthers(response, ofNobodyElse);
    return asJson(bytes, response);
  });
}

function asJson(bytes: Buffer, response: HttpResponse): Buffer {
  if (response.getHeader('content-type') === undefined) setHeader(response, 'Content-Type', jsonType);
  sendsBytes(response);
  return bytes;
}

/** @param otherwise what is said where nothing is said yet; default: nothing. */
export function closeToOthers(response: HttpResponse, otherwise?: string): void {
  const given = response.getHeader('cache-control');
  if (given === undefined && otherwise === undefined) return;
  setHeader(response, 'Cache-Control', privateControl(given, otherwise ?? ofNobodyElse));
}

/**
 * What of the life is left is `max-age` less `Age`, so `max-age` is the whole life (RFC 9111, 4.2; RFC 5861, 3). Where an `Expires` says when it ends, there is
 * none: it would make that void (RFC 9111, 5.3).
 */
function directivesOf(
  { createdAt, freshUntil, staleForMs }: AnswerHead,
  cacheControl: 'max-age' | 'no-cache',
  response: HttpResponse,
  isPrivate: boolean,
): string {
  const visibility = isPrivate ? 'private' : 'public';
  if (cacheControl === 'max-age' && response.getHeader('expires') !== undefined) return visibility;
  const life = Math.min(Math.floor((freshUntil - createdAt) / 1_000), maxSeconds);
  if (cacheControl === 'no-cache' || life <= 0) return `${visibility}, no-cache`;
  const stale = Math.min(Math.floor(staleForMs / 1_000), maxSeconds);
  return `${visibility}, max-age=${life}${stale > 0 ? `, stale-while-revalidate=${stale}` : ''}`;
}

async function filled(document: SplicedDocument, request: HttpRequest, fill: Presentation['fill']): Promise<Buffer> {
  if (!fill) {
    throw new InvalidOptionError(
      'fill',
      'a spliced document has nothing to fill its holes with',
      'Give the option fill.',
    );
  }
  return (await renderSpliced(document, fill(request))).toBuffer();
}
