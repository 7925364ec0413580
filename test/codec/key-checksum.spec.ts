import { crc32 } from 'node:zlib';
import { expect, it } from '@jest/globals';
import { keyChecksum } from '../../src/codec/key-checksum.js';

const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('');

it.each(['', 'a', 'bench:1.0.0::content:7', printable, printable.repeat(3), 'caf\u00e9', '\ud83d\ude00'])(
  'the checksum of %j is that of zlib',
  (key) => {
    expect(keyChecksum(key)).toBe(crc32(key));
  },
);
