import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes } from '../../src/codec/bytes.js';
import { flag } from '../../src/codec/flag.js';
import { gzip } from '../../src/codec/gzip.js';
import { json } from '../../src/codec/json.js';
import { lengthPrefixed } from '../../src/codec/length-prefixed.js';
import { text } from '../../src/codec/text.js';
import { codecContract } from '../../src/testing/codec-contract.js';
import { InvalidOptionError, UndecodableError, UnencodableValueError } from '../../src/value/errors.js';

const hex = (encoded: Uint8Array): string => Buffer.from(encoded).toString('hex');

codecContract(
  { describe, it },
  {
    make: () => text(),
    values: ['', 'a', 'Ünï 😀 \0\r\n', 'x'.repeat(5000)],
    refused: [undefined, null, 1, true, {}, Buffer.from('a'), '\ud800'],
    undecodable: [Buffer.of(0xff), Buffer.of(0xc3), Buffer.from('a😀').subarray(0, 3)],
  },
);

codecContract(
  { describe, it },
  {
    make: () => bytes(),
    values: [Buffer.alloc(0), Buffer.of(0, 255, 128), Buffer.alloc(5000, 7)],
    refused: [undefined, null, 'a', [1], new ArrayBuffer(2), new Uint16Array(2), new DataView(new ArrayBuffer(1))],
    mutate: (value) => void value.fill(1),
  },
);

codecContract(
  { describe, it },
  {
    make: () => flag(),
    values: [true, false],
    refused: [undefined, null, 0, 1, '1', 'true', {}],
    undecodable: ['', '2', '11', '10', 'true', '1\n', ' 1', '\x01', '\0'].map((stored) => Buffer.from(stored)),
  },
);

codecContract(
  { describe, it },
  {
    make: () => gzip(json()),
    values: [null, { a: [1, 'b'] }, 'x'.repeat(50_000), Array.from({ length: 500 }, (_, index) => ({ index }))],
    refused: [NaN, undefined, new Date()],
    undecodable: [Buffer.alloc(0), Buffer.from('{"a":1}'), Buffer.alloc(30)],
  },
);

codecContract(
  { describe, it },
  {
    make: () => lengthPrefixed(json()),
    values: [null, { a: 1 }, 'é'],
    refused: [NaN, undefined],
    undecodable: [
      Buffer.alloc(0),
      Buffer.alloc(7),
      Buffer.alloc(8),
      Buffer.from('00000000000000087b2261223a317d', 'hex'),
    ],
  },
);

codecContract(
  { describe, it },
  {
    make: () => lengthPrefixed(gzip(bytes())),
    values: [Buffer.alloc(0), Buffer.alloc(1000, 'ab')],
    mutate: (value) => void value.fill(1),
  },
);

describe('the bytes of a value', () => {
  it('are its UTF-8 for text and JSON', () => {
    expect(hex(text().encode('é€😀'))).toBe('c3a9e282acf09f9880');
    expect(Buffer.from(json().encode({ b: [1, null, 'é'], a: true })).toString()).toBe('{"b":[1,null,"é"],"a":true}');
  });

  it('are 1 for true and 0 for false', () => {
    expect(Buffer.from(flag().encode(true)).toString()).toBe('1');
    expect(Buffer.from(flag().encode(false)).toString()).toBe('0');
  });

  it('are led by their length as an unsigned 64-bit integer', () => {
    expect(hex(lengthPrefixed(json()).encode({ a: 1 }))).toBe('00000000000000077b2261223a317d');
    expect(hex(lengthPrefixed(bytes()).encode(Buffer.alloc(0)))).toBe('0000000000000000');
  });

  it('are gzip without time and operating system, the same each time', () => {
    const encoded = gzip(json()).encode({ a: 1 });
    expect(hex(encoded)).toBe(
      '1f8b08000000000000ffab564a54b232ac0500d6be9f8307000000'.replace('d6be9f83', crcOf(encoded)),
    );
    expect(hex(encoded).slice(0, 20)).toBe('1f8b08000000000000ff');
    expect(hex(gzip(json()).encode({ a: 1 }))).toBe(hex(encoded));
  });

  it('name their codecs inside out', () => {
    expect(gzip(json()).name).toBe('gzip(json)');
    expect(lengthPrefixed(gzip(json())).name).toBe('lengthPrefixed(gzip(json))');
    expect(lengthPrefixed(json({ instances: 'plain' })).name).toBe('lengthPrefixed(json-plain)');
  });
});

describe('gzip', () => {
  const body = Buffer.from('["all of this"]');

  it('never grows beyond its limit, whatever the bytes say of themselves', () => {
    const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
    bomb[9] = 255;
    const small = gzip(bytes(), { maxBytes: 1024 });
    expect(() => small.decode(bomb)).toThrow(UndecodableError);
    const liar = Buffer.from(bomb);
    liar.writeUInt32LE(10, liar.length - 4);
    expect(() => small.decode(liar)).toThrow(UndecodableError);
    expect(() => small.encode(Buffer.alloc(1025))).toThrow(UnencodableValueError);
    expect(small.decode(Buffer.from(small.encode(Buffer.alloc(1024))))).toHaveLength(1024);
  });

  it('takes nothing after its end for part of it, nor a second stream', () => {
    const whole = Buffer.from(gzip(bytes()).encode(body));
    for (const rest of [Buffer.from('rest'), Buffer.alloc(20), whole]) {
      expect(() => gzip(bytes()).decode(Buffer.concat([whole, rest]))).toThrow(UndecodableError);
    }
  });

  it.each([
    ["Python's gzip.compress, with a time", '1f8b080000f1536502ff'],
    ["Python's GzipFile, with a time and the file's name", '1f8b080800f1536502ff612e6a736f6e00'],
    ['a program that adds fields of its own', '1f8b0804000000000003040061620000'],
    ['a program that adds a comment', '1f8b081000000000000368656c6c6f00'],
  ])('reads what other programs write: %s', (_, head) => {
    expect(gzip(json()).decode(Buffer.from(`${head}ab564a54b232ac0500afac1b5607000000`, 'hex'))).toEqual({ a: 1 });
  });

  it.each([
    ['an unknown flag', '1f8b0820000000000003ab564a54b232ac0500afac1b5607000000'],
    ['a name without an end', '1f8b0808000000000003616161616161616161616101010101'],
    ['another method than deflate', '1f8b0700000000000003ab564a54b232ac0500afac1b5607000000'],
  ])('refuses a head with %s', (_, payload) => {
    expect(() => gzip(json()).decode(Buffer.from(payload, 'hex'))).toThrow(UndecodableError);
  });

  it('notices every flipped byte but those of the head that mean nothing', () => {
    const whole = Buffer.from(gzip(bytes()).encode(body));
    for (let at = 0; at < whole.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const flipped = Buffer.from(whole);
        flipped.writeUInt8(flipped.readUInt8(at) ^ mask, at);
        if (at >= 4 && at <= 9) expect(gzip(bytes()).decode(flipped)).toEqual(body);
        else if (!readsTheSame(flipped)) expect(() => gzip(bytes()).decode(flipped)).toThrow(UndecodableError);
      }
    }
  });

  /** A stream may have spare bits after its last block. */
  function readsTheSame(flipped: Buffer): boolean {
    try {
      return gzip(bytes()).decode(flipped).equals(body);
    } catch {
      return false;
    }
  }

  it.each([0, -1, 1.5, NaN, Infinity])('has no limit of %p', (maxBytes) => {
    expect(() => gzip(json(), { maxBytes })).toThrow(InvalidOptionError);
  });

  it.each([0, 10, 1.5, NaN])('has no level %p', (level) => {
    expect(() => gzip(json(), { level })).toThrow(InvalidOptionError);
  });
});

describe('lengthPrefixed', () => {
  it('notices every truncation, every longer body and every flipped byte of the length', () => {
    const codec = lengthPrefixed(bytes());
    const whole = Buffer.from(codec.encode(Buffer.from('a body of some length')));
    for (let length = 0; length < whole.length; length++) {
      expect(() => codec.decode(whole.subarray(0, length))).toThrow(UndecodableError);
    }
    expect(() => codec.decode(Buffer.concat([whole, Buffer.of(0)]))).toThrow(UndecodableError);
    for (let at = 0; at < 8; at++) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      expect(() => codec.decode(flipped)).toThrow(UndecodableError);
    }
  });
});

describe('composed codecs', () => {
  it('give back any JSON value', () => {
    const codec = lengthPrefixed(gzip(json()));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(codec.decode(Buffer.from(codec.encode(value)))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('read any bytes as something or refuse them', () => {
    const codecs = [text(), flag(), json(), gzip(json()), lengthPrefixed(json()), gzip(lengthPrefixed(text()))];
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 60 }), (codec, stored) => {
        try {
          codec.decode(Buffer.from(stored));
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

function crcOf(encoded: Uint8Array): string {
  return hex(encoded).slice(-16, -8);
}
