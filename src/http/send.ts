import { once } from 'node:events';
import { Readable } from 'node:stream';
import { HttpException, StreamableFile } from '@nestjs/common';
import type { TieredFile } from '../file/tiered-file.js';
import { attachmentNamed } from '../object/attachment.js';
import { KnownOptions } from '../value/known-options.js';
import { whenClosed } from '../value/when-closed.js';
import { askedRange } from './byte-ranges.js';
import { weakenWhereEncoded } from './conditional.js';
import { conditionOf, isRangeOfThis } from './file-conditions.js';
import { whenHeadersGo } from './headers-to-go.js';
import { rawResponse, setHeader } from './http-exchange.js';
import type { HttpRequest, HttpResponse } from './http-exchange.js';
import { isHead } from './request-of-run.js';
import { WholeBody } from './whole-body.js';

export interface SendOptions {
  /** Default: as it was uploaded, else `application/octet-stream`. */
  readonly contentType?: string;
  /** The Cache-Control of the answer: `'private, max-age=3600'`. Default: none is said. */
  readonly cacheControl?: string;
  /** Has browsers save the file, under this name. Default: they may show it. */
  readonly downloadName?: string;
}

const known = KnownOptions.of<SendOptions>('send()', { contentType: true, cacheControl: true, downloadName: true });

/**
 * Answers a GET or HEAD request with a file, on Express and Fastify: the whole (200), a range of it (206), nothing new (304), a condition that does not
 * hold (412), a range that it has not (416). Return what it resolves to from the handler, whose response is taken with `{ passthrough: true }`.
 *
 * The head goes out with the first bytes: a file that can't be read rejects, and the application's exception filters answer. One that fails later ends
 * the connection, so that nobody takes a part for the whole. A client that leaves ends its stream, and nothing else.
 *
 * @throws HttpException 416 with `Content-Range`, 412 · InvalidOptionError for an unknown option · what the file's stream fails with.
 * @example
 * @Get(':uid')
 * async read(@Param('uid') uid: string, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
 *   return send(await this.files.open(await this.rows.find(uid)), request, response);
 * }
 */
export async function send(
  file: TieredFile,
  request: object,
  response: object,
  options: SendOptions = {},
): Promise<StreamableFile | undefined> {
  known.check(options);
  const asked = request as HttpRequest;
  const { method, headers } = asked;
  const reply = response as HttpResponse;
  const condition = conditionOf(headers, file);
  if (condition === 412) throw new HttpException('The file is not the one that the request names.', 412);
  if (condition === 304) {
    describe(reply, file, options);
    reply.status(304);
    return undefined;
  }
  const isInParts = method === 'GET' && !isHead(asked) && isRangeOfThis(headers, file);
  const range = isInParts ? askedRange(headers.range, file.size) : 'all';
  if (range === 'unsatisfiable') {
    setHeader(reply, 'Content-Range', `bytes */${file.size}`);
    throw new HttpException('The file has no such bytes.', 416);
  }
  const { start, end } = range === 'all' ? { start: 0, end: file.size - 1 } : range;
  // Fastify takes nothing at all for no bytes, and would say so; a stream of none leaves the length as it is said here.
  // A HEAD under @CachedResponse is a GET, whose answer is kept for both.
  const isEmpty = method === 'HEAD' || file.size === 0;
  const body = isEmpty ? Readable.from([]) : await bodyOf(file, start, end, reply);
  describe(reply, file, options);
  setHeader(reply, 'Content-Type', options.contentType ?? file.contentType ?? 'application/octet-stream');
  setHeader(reply, 'Content-Length', `${end - start + 1}`);
  reply.status(range === 'all' ? 200 : 206);
  if (range !== 'all') {
    setHeader(reply, 'Content-Range', `bytes ${start}-${end}/${file.size}`);
    setHeader(reply, 'Cache-Control', untransformed(options.cacheControl));
  }
  whenHeadersGo(rawResponse(reply), (late) => weakenWhereEncoded(late, undefined));
  return streamable(body);
}

/** What is said of the file once it is the answer: of an error it would be false, and caches would keep the error for the life of the file. */
function describe(reply: HttpResponse, { etag, lastModified }: TieredFile, options: SendOptions): void {
  setHeader(reply, 'Accept-Ranges', 'bytes');
  setHeader(reply, 'ETag', etag);
  // What an upload says of itself is not to be guessed at: a picture that is a page would run as one.
  setHeader(reply, 'X-Content-Type-Options', 'nosniff');
  if (lastModified) setHeader(reply, 'Last-Modified', lastModified.toUTCString());
  if (options.cacheControl !== undefined) setHeader(reply, 'Cache-Control', options.cacheControl);
  if (options.downloadName !== undefined)
    setHeader(reply, 'Content-Disposition', attachmentNamed(options.downloadName));
}

/** What compresses on the way would make a part of another body of it: its range counts the bytes of this one. */
const untransformed = (control: string | undefined): string =>
  control === undefined ? 'no-transform' : `${control}, no-transform`;

/** A few bytes of a copy need no stream of their own. */
async function bodyOf(file: TieredFile, start: number, end: number, reply: HttpResponse): Promise<Readable> {
  const bytes = await file.atOnce(start, end);
  return bytes ? new WholeBody(bytes) : begun(file.lent({ start, end }), reply);
}

/** Resolves when its first bytes are there. It ends with the response, whether anybody has begun to read it or not. */
async function begun(body: Readable, reply: HttpResponse): Promise<Readable> {
  const raw = rawResponse(reply);
  const leave = (): void => void body.destroy();
  if (raw.destroyed) leave();
  body.once('close', whenClosed(raw, leave));
  // A client that has left is no error of the application: nobody hears the answer.
  body.on('error', () => undefined);
  if (!body.destroyed) await Promise.race([once(body, 'readable'), once(body, 'close')]);
  if (body.errored) throw body.errored;
  return body;
}

/** A stream that fails cuts the connection: an answer that ends well would be taken for whole. */
function streamable(body: Readable): StreamableFile {
  const file = new StreamableFile(body);
  file.setErrorHandler((_, response) => void response.destroy?.());
  return file;
}
