import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { RenderedDocument } from '../codec/spliced/rendered-document.js';
import { SplicedDocument } from '../codec/spliced/spliced-document.js';
import { loadSignal } from '../load/flight.js';
import type { BodyKind } from './cached-answer.js';
import { closeBody } from './close-body.js';
import type { UnkeptReason } from './kept-headers.js';
import { takeStream } from './taken-stream.js';

/** A body as it is stored, with the headers that belong to it unless the handler set its own. */
export interface EncodedBody {
  readonly kind: BodyKind;
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A body that is not kept: it goes to the client as it would without a cache. */
export interface UnkeptBody {
  readonly body: unknown;
  readonly reason: UnkeptReason;
}

/** Of documents, which are bytes by now. */
export const jsonType = 'application/json; charset=utf-8';

/** The bytes of a document or a stream; `undefined` for what the platform is to serialize, bytes included: Express makes JSON of them. */
export async function encodeBody(body: unknown, maxBytes: number): Promise<EncodedBody | UnkeptBody | undefined> {
  if (typeof body !== 'object' || body === null) return undefined;
  if (body instanceof SplicedDocument) {
    return { kind: 'spliced', bytes: body.toBuffer(), headers: { 'content-type': jsonType } };
  }
  if (body instanceof RenderedDocument) {
    return { kind: 'text', bytes: body.toBuffer(), headers: { 'content-type': jsonType } };
  }
  if (body instanceof StreamableFile) return encodeStream(body, maxBytes);
  return isStreaming(body) ? { body, reason: 'stream' } : undefined;
}

/** Read to its end, or handed on with what was read put in front when it turns out to be too long. */
async function encodeStream(file: StreamableFile, maxBytes: number): Promise<EncodedBody | UnkeptBody> {
  const { stream, giveBack } = takeStream(file, loadSignal());
  try {
    return await readStream(stream, file, maxBytes);
  } finally {
    giveBack();
  }
}

async function readStream(stream: Readable, file: StreamableFile, maxBytes: number): Promise<EncodedBody | UnkeptBody> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const rest = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= maxBytes) continue;
    return { body: withStream(file, putInFront(chunks, rest, stream)), reason: 'too-large' };
  }
  const { type, disposition } = file.getHeaders();
  const headers = {
    'content-type': type,
    ...(typeof disposition === 'string' && { 'content-disposition': disposition }),
  };
  return { kind: 'bytes', bytes: Buffer.concat(chunks), headers };
}

/** The same file, with this stream. */
export function withStream(file: StreamableFile, stream: Readable): StreamableFile {
  const { type, disposition, length } = file.getHeaders();
  const given = { type, ...(disposition !== undefined && { disposition }), ...(length !== undefined && { length }) };
  return new StreamableFile(stream, given).setErrorHandler(file.errorHandler).setErrorLogger(file.errorLogger);
}

/** Closed, it closes its source at once, also while that has no more to give. A generator would wait for the next piece before it ends. */
function putInFront(chunks: Buffer[], rest: AsyncIterator<Buffer | string>, source: Readable): Readable {
  return new Readable({
    read() {
      const first = chunks.shift();
      if (first) this.push(first);
      else {
        rest.next().then(
          ({ done, value }) => this.push(done ? null : value),
          (error: Error) => this.destroy(error),
        );
      }
    },
    destroy(error, done) {
      closeBody(source);
      done(error);
    },
  });
}

/** What newer versions of Nest send as it is produced, and what Fastify sends as it is. */
function isStreaming(body: object): boolean {
  const isNodeStream = typeof (body as { pipe?: unknown }).pipe === 'function';
  return isNodeStream || Symbol.asyncIterator in body || body instanceof ReadableStream || body instanceof Response;
}
