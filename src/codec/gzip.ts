import { assertBytes } from '../value/assert-bytes.js';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { ZlibOptions } from 'node:zlib';
import { InvalidOptionError, UndecodableError, UnencodableValueError } from '../value/errors.js';
import type { Codec } from './codec.js';
import { KnownOptions } from '../value/known-options.js';

export interface GzipOptions {
  /**
   * The most bytes that may come out of decompression, and so go into it. 1 or more. Default 16 MiB: what a small
   * payload can become, and how long that may take, is known before. */
  readonly maxBytes?: number;
  /** zlib's level, 1 (fast) to 9 (small). Readers need not agree. Default 6. */
  readonly level?: number;
}

const known = KnownOptions.of<GzipOptions>('gzip()', { maxBytes: true, level: true });
const magic = 0x1f8b08; // gzip, deflate
const headBytes = 10;
const tailBytes = 8;
const unknownSystem = 255;

/**
 * What `codec` makes, compressed (RFC 1952). Equal values give equal bytes: the head carries no time and no operating system.
 * What other programs write is read: a head with a time, a name, a comment or other fields, before one stream. Bytes that would grow beyond `maxBytes`
 * are refused before they do.
 *
 * @throws InvalidOptionError for a level or limit out of range.
 */
export function gzip<V>(codec: Codec<V>, options: GzipOptions = {}): Codec<V> {
  known.check(options);
  const { maxBytes = 16 * 1024 * 1024, level = 6 } = options;
  assertBytes('gzip.maxBytes', maxBytes);
  if (!Number.isInteger(level) || level < 1 || level > 9) {
    throw new InvalidOptionError('gzip.level', `${level} is no level`, 'Give a whole number from 1 to 9.');
  }
  const name = `gzip(${codec.name})`;
  return {
    name,
    isolations: codec.isolations,
    decodedBytes: (payload) => Math.max(payload.length, statedBytesOf(payload)),
    encode(value) {
      const body = codec.encode(value);
      if (body.length > maxBytes) {
        throw new UnencodableValueError(
          name,
          '$',
          `it has more than ${maxBytes} bytes`,
          'Store less, or raise maxBytes.',
        );
      }
      const compressed = gzipSync(body, { level });
      compressed[9] = unknownSystem;
      return compressed;
    },
    decode(payload) {
      return codec.decode(decompress(payload, maxBytes));
    },
  };
}

function decompress(payload: Buffer, maxBytes: number): Buffer {
  if (payload.length < headBytes + tailBytes || payload.readUIntBE(0, 3) !== magic) {
    throw new UndecodableError('The payload does not begin as gzip does.');
  }
  const statedBytes = statedBytesOf(payload);
  if (statedBytes > maxBytes) throw new UndecodableError(`It says that it grows beyond ${maxBytes} bytes.`);
  const body = gunzip(payload, { maxOutputLength: maxBytes });
  // zlib ignores garbage after a whole stream and goes on into a second one: then these differ.
  if (body.length !== statedBytes) throw new UndecodableError('The payload does not end where its stream does.');
  return body;
}

/** Compared with what comes out. */
const statedBytesOf = (payload: Buffer): number => payload.readUInt32LE(payload.length - 4);

function gunzip(payload: Buffer, options: ZlibOptions): Buffer {
  try {
    return gunzipSync(payload, options);
  } catch (cause) {
    throw new UndecodableError('The payload can not be decompressed.', { cause });
  }
}
