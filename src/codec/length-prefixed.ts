import { UndecodableError } from '../value/errors.js';
import type { Codec } from './codec.js';

const prefixBytes = 8;

/**
 * The length of the body as an unsigned 64-bit big-endian integer, then the body that `codec` makes. `{"a":1}` is
 * `0000000000000007 7b2261223a317d`. A body that is shorter or longer than the prefix says is a miss, so a Content-Length taken
 * from it is never a broken promise.
 */
export function lengthPrefixed<V>(codec: Codec<V>): Codec<V> {
  return {
    name: `lengthPrefixed(${codec.name})`,
    isolations: codec.isolations,
    decodedBytes: (payload) => codec.decodedBytes?.(payload.subarray(prefixBytes)) ?? payload.length,
    encode(value) {
      const body = codec.encode(value);
      const prefixed = Buffer.allocUnsafe(prefixBytes + body.length);
      prefixed.writeBigUInt64BE(BigInt(body.length), 0);
      prefixed.set(body, prefixBytes);
      return prefixed;
    },
    decode(payload) {
      if (payload.length < prefixBytes || payload.readBigUInt64BE(0) !== BigInt(payload.length - prefixBytes)) {
        throw new UndecodableError('The body has another length than its prefix says.');
      }
      return codec.decode(payload.subarray(prefixBytes));
    },
  };
}
