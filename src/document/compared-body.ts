import { createHash } from 'node:crypto';
import { pipeline, Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { DocumentDamagedError } from './document-errors.js';

/** The bytes of an object, the last of them only once all are found to be those that were written. Destroying it lets go of the object at once. */
export function comparedBody(id: string, source: Readable, sha256: string): Readable {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  const body = new Transform({
    transform: (piece: Buffer, _encoding, done) => {
      const before = held;
      held = piece;
      hash.update(piece);
      done(undefined, before);
    },
    flush: (done) => {
      if (hash.digest('hex') === sha256) done(undefined, held);
      else done(new DocumentDamagedError(id, 'its bytes in the object store are not those that were written'));
    },
  });
  // Whoever reads it is told.
  pipeline(source, body, () => {});
  return body;
}
