import { isUtf8 } from 'node:buffer';
import { UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';

/** Strings, as UTF-8. Refused: anything else, and half of a surrogate pair, which UTF-8 can't hold. */
export function text(): Codec<string> {
  return {
    name: 'text',
    isolations: ['share', 'freeze', 'clone'],
    encode(value) {
      if (typeof value !== 'string') {
        throw new UnencodableValueError('text', '$', `a ${typeof value} is no string`, 'Convert it, or use json().');
      }
      if (!value.isWellFormed()) {
        throw new UnencodableValueError(
          'text',
          '$',
          'half of a surrogate pair has no UTF-8 form',
          'Use json(), or value.toWellFormed().',
        );
      }
      return Buffer.from(value, 'utf8');
    },
    decode(payload) {
      if (!isUtf8(payload)) throw new UndecodableError('The payload is not UTF-8.');
      return payload.toString('utf8');
    },
  };
}
