import { StreamableFile } from '@nestjs/common';

/** Closes what a body holds open that nobody will read, such as a file. */
export function closeBody(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  if (body instanceof Response) closeBody(body.body);
  else if (body instanceof ReadableStream) void body.cancel().catch(() => undefined);
  else {
    const stream: { destroy?(): unknown } = body instanceof StreamableFile ? body.getStream() : body;
    if ('pipe' in stream) stream.destroy?.();
  }
}
