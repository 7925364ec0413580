import { InvalidKeyError } from '../value/errors.js';

/** What S3 allows for a key, its prefix included. */
export const maxObjectKeyBytes = 1024;

// U+0000 to U+001F, U+007F to U+009F, and the two line separators of Unicode.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/; // eslint-disable-line no-control-regex -- they are what it looks for

/**
 * Refuses a text that is no key of an object: one that a URL parser, a proxy or a file system could take for another key. Keys are not
 * empty, have no empty, `.` or `..` segment (so no `/` at either end), no control character and no lone surrogate, and are at most 1024 bytes of
 * UTF-8 long.
 *
 * @param prefixBytes of what a store puts in front. Default 0.
 * @throws InvalidKeyError
 */
export function assertObjectKey(key: unknown, prefixBytes = 0): asserts key is string {
  if (typeof key !== 'string') throw invalid(`is a ${key === null ? 'null' : typeof key}, not a text`);
  if (key === '') throw invalid('is empty');
  assertText(key, prefixBytes);
  const segments = key.split('/');
  if (segments.includes('')) throw invalid("has an empty segment (a '/' at an end, or two in a row)");
  if (segments.some(isDots)) throw invalid("has a segment '.' or '..'");
}

/** Whether {@link assertObjectKey} takes it. */
export function isObjectKey(text: string): boolean {
  try {
    assertObjectKey(text);
    return true;
  } catch {
    return false;
  }
}

/** As {@link assertObjectKey}, for the beginning of keys: it may be empty, end with `/`, and end within a segment. */
export function assertObjectPrefix(prefix: unknown, prefixBytes = 0): asserts prefix is string {
  if (typeof prefix !== 'string') throw invalid(`of a list is a ${typeof prefix}, not a text`);
  assertText(prefix, prefixBytes);
  const segments = prefix.split('/').slice(0, -1);
  if (segments.includes('')) throw invalid("of a list has an empty segment (a '/' in front, or two in a row)");
  if (segments.some(isDots)) throw invalid("of a list has a segment '.' or '..'");
}

function assertText(text: string, prefixBytes: number): void {
  if (!text.isWellFormed()) throw invalid('holds half of a surrogate pair');
  if (control.test(text)) throw invalid('holds a control character');
  const bytes = Buffer.byteLength(text) + prefixBytes;
  if (bytes > maxObjectKeyBytes) throw invalid(`has ${bytes} bytes of UTF-8, more than ${maxObjectKeyBytes}`);
}

const isDots = (segment: string): boolean => segment === '.' || segment === '..';

function invalid(problem: string): InvalidKeyError {
  return new InvalidKeyError(`The object key ${problem}. Write it as 'images/originals/uid/random'.`);
}
