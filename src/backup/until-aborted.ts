import { Readable } from 'node:stream';
import { unlessAborted } from '../value/unless-aborted.js';

/** The pieces of a source. A source may give no more, and have no end: the signal ends the wait for it. @throws the signal's reason. */
export async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const pieces = source[Symbol.asyncIterator]();
  let isLeft = true;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await unlessAborted(pieces.next(), signal);
      if (next.done === true) {
        isLeft = false;
        return;
      }
      yield next.value;
    }
  } finally {
    if (isLeft && signal?.aborted === true) {
      // What gives no more does not see that it is left: nobody waits for it.
      if (source instanceof Readable) source.destroy();
      pieces.return?.().catch(() => {});
    } else if (isLeft) await pieces.return?.();
  }
}
