import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeySpace, companionKey, maxKeyBytes } from '../../src/key/key-space.js';
import { HiddenNames } from '../../src/key/hidden-names.js';
import type { KeyPart } from '../../src/key/key-part.js';
import { versionedKey } from '../../src/key/key.js';
import { assertStoreKey } from '../../src/store/store-key.js';
import { anyParts, anyText, sameParts } from './arbitrary-parts.js';

const names = new HiddenNames('k'.repeat(32));
const anyFormat = fc.constantFrom('readable', 'digest');
const anySpace = fc
  .tuple(anyText, anyText, fc.option(anyText, { nil: undefined }), anyFormat)
  .map(([namespace, version, stamp, format]) => new KeySpace(namespace, version, stamp, format));

/** What a cache of that format calls the key. */
function textOf({ format }: KeySpace, parts: KeyPart[]): string {
  const key = versionedKey(...parts);
  return (format === 'digest' ? names.ofKey(key) : key).text;
}

describe('a store key', () => {
  it('V8 is safe on every wire and never too long, its companion included', () => {
    fc.assert(
      fc.property(anySpace, anyParts, (space, parts) => {
        const storeKey = space.storeKey(textOf(space, parts));
        expect(storeKey.length).toBeLessThanOrEqual(maxKeyBytes);
        assertStoreKey(storeKey);
        assertStoreKey(companionKey(storeKey));
      }),
      { numRuns: 3000 },
    );
  });

  it('V8 is different for different keys, readable or digested, long or short', () => {
    const long = fc.string({ minLength: 230, maxLength: 260 });
    const parts = fc.oneof(
      anyParts,
      long.map((text) => [text]),
    );
    fc.assert(
      fc.property(anySpace, parts, parts, (space, one, other) => {
        const keys = [one, other].map((each) => space.storeKey(textOf(space, each)));
        expect(keys[0] === keys[1]).toBe(sameParts(one, other));
      }),
      { numRuns: 3000 },
    );
  });

  it('is different in different spaces', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 6, maxLength: 6 }), anyParts, anyFormat, (names, parts, format) => {
        const [a, b, c, d, e, f] = names as [string, string, string, string, string, string];
        const { text } = versionedKey(...parts);
        const same = a === d && b === e && c === f;
        const keys = [new KeySpace(a, b, c, format), new KeySpace(d, e, f, format)].map((space) =>
          space.storeKey(text),
        );
        expect(keys[0] === keys[1]).toBe(same);
      }),
      { numRuns: 3000 },
    );
  });

  it('never equals a companion of another', () => {
    fc.assert(
      fc.property(anySpace, anyParts, anyParts, (space, one, other) => {
        const companion = companionKey(space.storeKey(versionedKey(...one).text));
        expect(companion).not.toBe(space.storeKey(versionedKey(...other).text));
      }),
    );
  });

  it('changes with the stamp, with the package version and with the namespace, for every key', () => {
    fc.assert(
      fc.property(anyParts, anyFormat, (parts, format) => {
        const { text } = versionedKey(...parts);
        const spaces = [
          ['app', '1.0.0', undefined],
          ['app', '1.0.0', 'stamp-1'],
          ['app', '1.0.0', 'stamp-2'],
          ['app', '1.0.1', 'stamp-1'],
          ['app', '1.0.1', undefined],
          ['other', '1.0.0', 'stamp-1'],
          ['app:1.0.0', 'stamp-1', undefined],
        ] as const;
        const keys = spaces.map(([namespace, version, stamp]) =>
          new KeySpace(namespace, version, stamp, format).storeKey(text),
        );
        expect(new Set(keys).size).toBe(spaces.length);
      }),
    );
  });

  it('takes an empty stamp for none', () => {
    expect(new KeySpace('app', '1', '').prefix).toBe(new KeySpace('app', '1', undefined).prefix);
  });

  it('reads as its parts do, with a digest only where it must', () => {
    const space = new KeySpace('app', '1.2.3', 'green');
    expect(space.storeKey(versionedKey('content_metadata', 'u-1', 7).text)).toBe(
      'app:1.2.3:green:content_metadata:u-1:#7',
    );
    const long = space.storeKey(versionedKey('content_metadata', 'x'.repeat(300)).text);
    expect(long).toHaveLength(maxKeyBytes);
    expect(long).toMatch(/^app:1\.2\.3:green:content_metadata:x+~[\w-]{43}$/);
    const hidden = names.ofKey(versionedKey('secret@example.com'));
    const digested = new KeySpace('app', '1.2.3', undefined, 'digest').storeKey(hidden.text);
    expect(digested).toMatch(/^app:1\.2\.3::~[\w-]{43}$/);
  });

  it('keeps the exact limit without a digest and takes one beyond it', () => {
    const space = new KeySpace('app', '1', undefined);
    const room = maxKeyBytes - space.prefix.length;
    expect(space.storeKey('x'.repeat(room))).toBe(`app:1::${'x'.repeat(room)}`);
    expect(space.storeKey('x'.repeat(room + 1))).toContain('~');
  });

  it('leaves room for the key when the namespace is long', () => {
    const [one, other] = ['a', 'b'].map((last) => new KeySpace('n'.repeat(300) + last, '1.0.0', 'stamp'));
    expect(one?.prefix.length).toBeLessThanOrEqual(122);
    expect(one?.prefix).not.toBe(other?.prefix);
    expect(one?.storeKey('readable:head')).toContain(':readable:head');
  });

  it.each([
    ['300 characters', 'k'.repeat(300)],
    ['unicode', 'ключ 😀 鍵'],
    ['spaces', 'a b  c '],
    ['a smuggled command', 'a\r\nset victim 0 0 3\r\nbad\r\n'],
    ['a smuggled meta command', 'a 0\r\nmd victim\r\n'],
    ['control characters', '\0\x01\x1b[2J\x7f\u0085'],
    ['nothing', ''],
  ])('carries %s without a space, a line end or a character beyond ASCII', (_name, text) => {
    const space = new KeySpace(text, '1.0.0', text);
    for (const key of [versionedKey(text), versionedKey('a', text), versionedKey(text, 'a')]) {
      expect(space.storeKey(key.text)).toMatch(/^[\x21-\x7e]{1,245}$/);
      expect(new KeySpace('n', '1', undefined).storeKey(key.text)).toMatch(/^[\x21-\x7e]{1,245}$/);
    }
  });
});
