import { EventEmitter } from 'node:events';
import type { ObjectBody } from './object-store.js';

/**
 * Lets go of a body that is read no further. A stream that waits for its source is not waited for: it is destroyed, or told in passing.
 * @param iterator what it was read with.
 */
export function releaseBody(body: ObjectBody, iterator?: AsyncIterator<Uint8Array>): void {
  if (typeof body === 'string' || body instanceof Uint8Array) return;
  if ('destroy' in body && typeof body.destroy === 'function') {
    // A file that could not be opened tells so afterwards too, and would end the process.
    if (body instanceof EventEmitter) body.on('error', () => undefined);
    (body as { destroy: () => void }).destroy();
  } else if (!iterator && body instanceof ReadableStream) void body.cancel().catch(() => undefined);
  else void iterator?.return?.().then(undefined, () => undefined);
}
