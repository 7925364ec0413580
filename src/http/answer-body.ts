import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { RenderedDocument } from '../codec/spliced/rendered-document.js';
import { SplicedDocument } from '../codec/spliced/spliced-document.js';
import { UnencodableValueError } from '../value/errors.js';
import type { BodyKind } from './cached-answer.js';

/** A body as it is stored, with the headers that belong to it unless the handler set its own. */
export interface EncodedBody {
  readonly kind: BodyKind;
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A body that is not kept: it goes to the client as it would without a cache. */
export interface UnkeptBody {
  readonly unkept: unknown;
}

const jsonType = 'application/json; charset=utf-8';

/**
 * The bytes of what a handler returned.
 *
 * @param textType the platform's content type of strings.
 * @throws UnencodableValueError for an object that holds instances of classes, unless they may be sent as plain data: the interceptors that
 * would hide some of their properties never see a cached answer.
 */
export async function encodeBody(
  body: unknown,
  textType: string,
  maxBytes: number,
  instances: 'refuse' | 'plain',
): Promise<EncodedBody | UnkeptBody> {
  if (body === undefined || body === null) return { kind: 'text', bytes: Buffer.alloc(0), headers: {} };
  if (body instanceof SplicedDocument)
    return { kind: 'spliced', bytes: body.toBuffer(), headers: { 'content-type': jsonType } };
  if (body instanceof RenderedDocument) return text(body.toBuffer(), jsonType);
  if (body instanceof StreamableFile) return encodeStream(body, maxBytes);
  if (body instanceof Uint8Array) {
    return { kind: 'bytes', bytes: Buffer.from(body), headers: { 'content-type': 'application/octet-stream' } };
  }
  if (typeof body !== 'object') return text(Buffer.from(String(body as string), 'utf8'), textType);
  if (isStreaming(body)) return { unkept: body };
  if (instances === 'refuse') assertPlain(body, '$', []);
  return text(Buffer.from(JSON.stringify(body), 'utf8'), jsonType);
}

const text = (bytes: Buffer, type: string): EncodedBody => ({ kind: 'text', bytes, headers: { 'content-type': type } });

/** Read to its end, or handed on with what was read put in front when it turns out to be too long. */
async function encodeStream(file: StreamableFile, maxBytes: number): Promise<EncodedBody | UnkeptBody> {
  const { type, disposition, length } = file.getHeaders();
  const stream = file.getStream();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const rest = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes <= maxBytes) continue;
    const whole = Readable.from(inOrder(chunks, rest), { objectMode: false });
    return {
      unkept: new StreamableFile(whole, {
        type,
        ...(disposition !== undefined && { disposition }),
        ...(length !== undefined && { length }),
      }),
    };
  }
  const headers = {
    'content-type': type,
    ...(typeof disposition === 'string' && { 'content-disposition': disposition }),
  };
  return { kind: 'bytes', bytes: Buffer.concat(chunks), headers };
}

async function* inOrder(
  read: readonly Buffer[],
  rest: AsyncIterator<Buffer | string>,
): AsyncGenerator<Buffer | string> {
  try {
    yield* read;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** What newer versions of Nest send as it is produced. */
function isStreaming(body: object): boolean {
  return Symbol.asyncIterator in body || body instanceof ReadableStream || body instanceof Response;
}

/** Dates and whatever else says by `toJSON` how it is sent are fine. */
function assertPlain(value: object, path: string, ancestors: readonly object[]): void {
  if (ancestors.includes(value)) throw refused(path, 'it contains itself', 'Break the cycle.');
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain) {
    const problem = `an instance of ${value.constructor.name} would be sent with all of its properties, since interceptors that hide some never see a cached answer`;
    throw refused(path, problem, "Return plain data, or say instances: 'plain'.");
  }
  for (const [name, property] of Object.entries(value)) {
    if (typeof property !== 'object' || property === null) continue;
    assertPlain(property as object, `${path}.${name}`, [...ancestors, value]);
  }
}

const refused = (path: string, problem: string, remedy: string): UnencodableValueError =>
  new UnencodableValueError('http-answer', path, problem, remedy);
