import { UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';

const one = 0x31;
const zero = 0x30;

/** A yes or no in one byte: `1` is true, `0` is false, and anything else is unknown: a miss. */
export function flag(): Codec<boolean> {
  return {
    name: 'flag',
    isolations: ['share', 'freeze', 'clone'],
    encode(value) {
      if (typeof value !== 'boolean') {
        throw new UnencodableValueError('flag', '$', `a ${typeof value} is neither true nor false`, 'Compare first.');
      }
      return Buffer.of(value ? one : zero);
    },
    decode(payload) {
      if (payload.length === 1 && payload[0] === one) return true;
      if (payload.length === 1 && payload[0] === zero) return false;
      throw new UndecodableError('A flag is one byte, 1 or 0.');
    },
  };
}
