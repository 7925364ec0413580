import fc from 'fast-check';
import type { KeyPart } from '../../src/key/key-part.js';

const awkward = [
  '',
  '%',
  ':',
  '~',
  '#',
  '!',
  '\0',
  '#1',
  '#1n',
  '!true',
  '!null',
  '!empty',
  '%3A',
  '%25',
  '~r',
  ' ',
  '\r\n',
];

/** Strings made of what the encoding treats specially, of unicode, and of anything. */
export const anyText = fc.oneof(
  fc.constantFrom(...awkward),
  fc.array(fc.constantFrom(...awkward, 'a', '1', 'é', '😀'), { maxLength: 6 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 400 }),
);

export const anyPart: fc.Arbitrary<KeyPart> = fc.oneof(
  anyText,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  fc.bigInt({ min: -3n, max: 3n }),
  fc.bigInt(),
  fc.constant(null),
);

export const anyParts = fc.array(anyPart, { minLength: 1, maxLength: 4 });

/** Equal numbers are one part, `0` and `-0` included; nothing else is equal across types. */
export function samePart(one: KeyPart, other: KeyPart): boolean {
  return one === other;
}

export function sameParts(one: readonly KeyPart[], other: readonly KeyPart[]): boolean {
  return one.length === other.length && one.every((part, index) => samePart(part, other[index] as KeyPart));
}
