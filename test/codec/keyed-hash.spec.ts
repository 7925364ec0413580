import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeyedHash, macBytes } from '../../src/codec/keyed-hash.js';

const secrets = fc.uint8Array({ minLength: 1, maxLength: 200 });
const texts = fc.string({ unit: 'grapheme-ascii', maxLength: 250 });
const sizes = fc.oneof(
  fc.integer({ min: 0, max: 2_000 }),
  fc.constantFrom(16_133, 16_134, 16_383, 16_384, 16_385, 100_000),
);

const hmacOf = (secret: Uint8Array, text: string, bytes: Uint8Array): Buffer =>
  createHmac('sha256', secret).update(`${text}\0`, 'latin1').update(bytes).digest();

describe('A keyed hash', () => {
  it('is the HMAC-SHA-256 of RFC 2104, of any secret and any length, again and again', () => {
    fc.assert(
      fc.property(
        secrets,
        fc.array(fc.tuple(texts, sizes, fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (secret, given) => {
          const hash = new KeyedHash(secret);
          for (const [text, size, fill] of given) {
            const bytes = Buffer.alloc(size, fill);
            const target = Buffer.alloc(macBytes + 3);
            hash.write(text, bytes, target, 2);
            expect(target.subarray(2, -1).equals(hmacOf(secret, text, bytes))).toBe(true);
            expect([target[0], target[1], target.at(-1)]).toEqual([0, 0, 0]);
          }
        },
      ),
    );
  });

  it('stands where it was written, and for nothing else', () => {
    const hash = new KeyedHash(Buffer.alloc(32, 7));
    for (const size of [0, 1, 1_000, 20_000]) {
      const bytes = Buffer.alloc(5 + macBytes + size + 5, 'x');
      const start = 5 + macBytes;
      const end = start + size;
      hash.write('key', bytes.subarray(start, end), bytes, 5);
      const holds = (text = 'key', to = end): boolean => hash.stands(text, bytes, 5, start, to);
      expect(holds()).toBe(true);
      expect([
        holds('kez'),
        holds('ke'),
        holds('key', end + 1),
        new KeyedHash(Buffer.alloc(32, 8)).stands('key', bytes, 5, start, end),
      ]).toEqual([false, false, false, false]);
      for (const at of [5, 5 + macBytes - 1, ...(size > 0 ? [start, end - 1] : [])]) {
        bytes[at]! ^= 1;
        expect(holds()).toBe(false);
        bytes[at]! ^= 1;
      }
    }
  });
});
