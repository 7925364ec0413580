import { StreamableFile } from '@nestjs/common';

interface NodeStream {
  readonly errored?: unknown;
  destroy?(): unknown;
  on?(event: 'error', ignore: () => void): unknown;
}

/** Closes what a body holds open that nobody will read, such as a file. */
export function closeBody(body: unknown): void {
  if (body instanceof Response) return closeBody(body.body);
  if (body instanceof ReadableStream) return void body.cancel().catch(() => undefined);
  const stream = streamOf(body); // asked once: a file may make its stream anew
  stream?.on?.('error', () => undefined);
  stream?.destroy?.();
}

/** A stream that fails while nobody reads it, or that is closed before its file was opened, ends the process unless somebody listens. */
export function hearErrors(body: unknown): void {
  streamOf(body)?.on?.('error', () => undefined);
}

/** What a stream failed with before anybody read it: whoever reads it now would wait for ever. */
export function failureOf(body: unknown): unknown {
  return streamOf(body)?.errored ?? undefined;
}

function streamOf(body: unknown): NodeStream | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const stream: object = body instanceof StreamableFile ? body.getStream() : body;
  return 'pipe' in stream ? (stream as NodeStream) : undefined;
}
