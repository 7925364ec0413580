import { StreamableFile } from '@nestjs/common';
import { renderSpliced } from '../codec/spliced/render-spliced.js';
import type { Fillers } from '../codec/spliced/render-spliced.js';
import { InvalidOptionError } from '../value/errors.js';
import type { AnswerHead, CachedAnswer } from './cached-answer.js';
import { entityTag, matches } from './conditional.js';
import { isFastify, varyBy } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';

/** How answers of one handler are presented. */
export interface Presentation {
  readonly cacheControl: 'max-age' | 'no-cache' | false;
  readonly vary: readonly string[];
  readonly fill: ((request: HttpRequest) => Fillers) | undefined;
}

/** What caches honour at most; more is as good as endless (RFC 9111, 1.2.2). */
const maxSeconds = 365 * 24 * 60 * 60;

/**
 * Sets status and headers, and returns what Nest is to send: the stored bytes, or nothing for a 304.
 *
 * @param personal the answer belongs to one caller.
 * @throws InvalidOptionError, FillerError for a spliced document that can't be filled.
 */
export async function presentAnswer(
  answer: CachedAnswer,
  request: HttpRequest,
  response: HttpResponse,
  { cacheControl, vary, fill }: Presentation,
  personal: boolean,
): Promise<unknown> {
  const { head } = answer;
  const now = Date.now();
  for (const [name, value] of head.headers) response.header(name, value);
  varyBy(response, vary);
  const spliced = head.kind === 'spliced' ? await filled(answer, request, fill) : undefined;
  const etag = head.etag ?? (spliced && entityTag(spliced));
  if (etag) response.header('ETag', etag);
  response.header('Age', `${Math.max(0, Math.floor((now - head.createdAt) / 1_000))}`);
  if (cacheControl !== false && response.getHeader('cache-control') === undefined) {
    const directives = spliced ? 'private, no-cache' : directivesOf(head, cacheControl, personal);
    response.header('Cache-Control', directives);
  }
  if (etag && matches(request.headers['if-none-match'], etag)) {
    response.status(304);
    return undefined;
  }
  if (spliced) return isFastify(response) ? spliced : spliced.toString('utf8');
  if (isFastify(response)) return answer.body.length > 0 ? answer.body : '';
  // Express would send a Buffer as JSON; bytes that are no text go the way of files.
  return head.kind === 'text'
    ? answer.text
    : new StreamableFile(answer.body, { type: typeOf(head), length: answer.body.length });
}

/** What of the life is left is `max-age` less `Age`, so `max-age` is the whole life (RFC 9111, 4.2; RFC 5861, 3). */
function directivesOf(
  { createdAt, freshUntil, staleForMs }: AnswerHead,
  cacheControl: 'max-age' | 'no-cache',
  personal: boolean,
): string {
  const visibility = personal ? 'private' : 'public';
  const life = Math.min(Math.floor((freshUntil - createdAt) / 1_000), maxSeconds);
  if (cacheControl === 'no-cache' || life <= 0) return `${visibility}, no-cache`;
  const stale = Math.min(Math.floor(staleForMs / 1_000), maxSeconds);
  return `${visibility}, max-age=${life}${stale > 0 ? `, stale-while-revalidate=${stale}` : ''}`;
}

async function filled(answer: CachedAnswer, request: HttpRequest, fill: Presentation['fill']): Promise<Buffer> {
  if (!fill) {
    throw new InvalidOptionError(
      'fill',
      'a spliced document has nothing to fill its holes with',
      'Give the option fill.',
    );
  }
  return (await renderSpliced(answer.document, fill(request))).toBuffer();
}

function typeOf({ headers }: AnswerHead): string {
  const type = headers.find(([name]) => name === 'content-type')?.[1];
  return typeof type === 'string' ? type : 'application/octet-stream';
}
