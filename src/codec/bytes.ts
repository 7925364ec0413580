import { types } from 'node:util';
import { UnencodableValueError } from '../value/errors.js';
import { lastingCopy } from '../value/lasting-copy.js';
import type { Codec } from './codec.js';

/**
 * Bytes as they are: a Buffer or Uint8Array goes in, a Buffer comes out. Both directions copy, so that neither the stored nor the
 * read bytes can be changed by others; with the isolation `share` readers share one Buffer, and the promise not to write to it.
 */
export function bytes(): Codec<Buffer> {
  return {
    name: 'bytes',
    isolations: ['clone', 'share'],
    encode(value) {
      if (!types.isUint8Array(value)) {
        throw new UnencodableValueError(
          'bytes',
          '$',
          'it is no Buffer or Uint8Array',
          'Convert it with Buffer.from().',
        );
      }
      return Buffer.from(value);
    },
    decode: (payload) => lastingCopy(payload),
  };
}
