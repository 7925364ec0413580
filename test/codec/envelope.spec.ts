import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import type { Envelope } from '../../src/codec/envelope.js';
import type { EnvelopeHead } from '../../src/codec/envelope.js';
import { InvalidOptionError, UndecodableError } from '../../src/value/errors.js';

const key = 'app:1.0.0::policy:u-1';
const head: EnvelopeHead = {
  codec: 'json',
  createdAt: 1_700_000_000_000,
  freshUntil: 1_700_000_300_000,
  staleUntil: 1_700_000_360_000,
  loadCostMs: 250,
  generation: 1,
  version: 'v7',
  tags: [
    { tag: 'policy:é', generation: 3 },
    { tag: 't', generation: 1_700_000_000_000_001 },
  ],
};
const payload = Buffer.from('{"a":1}');
const sealed = sealEnvelope(key, head, payload);

const reseal = (bytes: Buffer): Buffer => {
  bytes.writeUInt32BE(crc32(bytes.subarray(8), crc32(key)), 4);
  return bytes;
};

function whole({
  codec,
  createdAt,
  freshUntil,
  staleUntil,
  loadCostMs,
  generation,
  version,
  tags,
  storeOnly,
  payload,
}: Envelope): object {
  return { codec, createdAt, freshUntil, staleUntil, loadCostMs, generation, version, tags, storeOnly, payload };
}

describe('an envelope', () => {
  it('has these bytes', () => {
    const plain = { ...head, freshUntil: Infinity, staleUntil: Infinity, tags: [], codec: 'flag' };
    const { version: _version, ...unversioned } = plain;
    expect(sealEnvelope('k', unversioned, Buffer.from('1')).toString('hex')).toBe(
      '4e544302' +
        '331096fd' +
        '00' +
        '04' +
        '018bcfe56800' +
        'ffffffffffff' +
        'ffffffffffff' +
        '000000fa' +
        '3ff0000000000000' +
        '666c6167' +
        '31',
    );
    expect(sealed.toString('hex')).toBe(
      '4e544302' +
        '398fe002' +
        '03' +
        '04' +
        '018bcfe56800' +
        '018bcfe9fbe0' +
        '018bcfeae640' +
        '000000fa' +
        '3ff0000000000000' +
        '6a736f6e' +
        '0002' +
        '7637' +
        '02' +
        '0009' +
        '706f6c6963793ac3a9' +
        '4008000000000000' +
        '0001' +
        '74' +
        '4318289060790004' +
        '7b2261223a317d',
    );
  });

  it('gives back what was put in', () => {
    expect(whole(openEnvelope(key, sealed))).toEqual({ ...head, storeOnly: false, payload });
    const instant = fc.oneof(fc.integer({ min: 0, max: 8.64e15 / 1000 }), fc.constant(Infinity));
    const anyHead = fc.record({
      codec: fc.stringMatching(/^[\x21-\x7e]{1,100}$/),
      createdAt: fc.integer({ min: 0, max: 2 ** 47 }),
      freshUntil: instant,
      staleUntil: instant,
      loadCostMs: fc.nat(),
      generation: fc.nat(),
      storeOnly: fc.boolean(),
      tags: fc.array(fc.record({ tag: fc.string({ unit: 'grapheme' }), generation: fc.nat() }), { maxLength: 16 }),
    });
    fc.assert(
      fc.property(anyHead, fc.option(fc.string(), { nil: undefined }), fc.uint8Array(), (any, version, content) => {
        const full = version === undefined ? any : { ...any, version };
        const bytes = sealEnvelope(key, full, content);
        expect(whole(openEnvelope(key, bytes))).toEqual({ ...full, payload: Buffer.from(content) });
        // The same where it lies among other bytes.
        const among = Buffer.concat([Buffer.from('VA 9'), bytes, Buffer.from('\r\n')]);
        expect(whole(openEnvelope(key, among, 4, 4 + bytes.length))).toEqual({
          ...full,
          payload: Buffer.from(content),
        });
        expect(() => openEnvelope(key, among, 4, 5 + bytes.length)).toThrow(UndecodableError);
      }),
    );
  });

  it('keeps fractions of instants on the long side, and a distant end an end', () => {
    const open = (freshUntil: number): number =>
      openEnvelope(key, sealEnvelope(key, { ...head, freshUntil }, payload)).freshUntil;
    expect(open(0.4)).toBe(1);
    expect(open(Number.MAX_VALUE)).toBe(0xffff_ffff_fffe);
    expect(open(Infinity)).toBe(Infinity);
    expect(open(NaN)).toBe(0);
    expect(open(-5)).toBe(0);
  });

  it('is undecodable after every truncation', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(() => openEnvelope(key, sealed.subarray(0, length))).toThrow(UndecodableError);
    }
    expect(() => openEnvelope(key, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(UndecodableError);
  });

  it('is undecodable with any byte flipped', () => {
    for (let at = 0; at < sealed.length; at++) {
      for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const flipped = Buffer.from(sealed);
        flipped.writeUInt8(flipped.readUInt8(at) ^ mask, at);
        expect(() => openEnvelope(key, flipped)).toThrow(UndecodableError);
      }
    }
  });

  it('is undecodable in the format of 0.1, whose invalidations are not heard of', () => {
    const ofEarlier = Buffer.from(sealed);
    ofEarlier[3] = 1;
    expect(() => openEnvelope(key, ofEarlier)).toThrow('Unknown format.');
  });

  it('belongs to one key', () => {
    for (const other of ['app:1.0.0::policy:u-2', 'app:1.0.1::policy:u-1', '', `${key}~r`]) {
      expect(() => openEnvelope(other, sealed)).toThrow(UndecodableError);
    }
  });

  it('is undecodable or whole, whatever stands behind a right checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.integer({ min: 0, max: 255 }), (rest, flags) => {
        const bytes = reseal(Buffer.concat([sealed.subarray(0, 8), Buffer.of(flags), rest]));
        if (bytes.length < 40) return;
        try {
          const opened = openEnvelope(key, bytes);
          expect(flags & ~7).toBe(0);
          expect(opened.payload.length).toBeLessThanOrEqual(bytes.length - 40);
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('is undecodable when a length points outside, at each cut of the head', () => {
    const headLength = sealed.length - payload.length;
    for (let length = 40; length < headLength; length++) {
      expect(() => openEnvelope(key, reseal(Buffer.from(sealed.subarray(0, length))))).toThrow(UndecodableError);
    }
  });

  it('refuses what its fields can not hold', () => {
    expect(() => sealEnvelope(key, { ...head, version: 'v'.repeat(65_536) }, payload)).toThrow(InvalidOptionError);
    expect(() => sealEnvelope(key, { ...head, codec: 'c'.repeat(101) }, payload)).toThrow(InvalidOptionError);
    const tags = Array.from({ length: 256 }, (_, index) => ({ tag: `t${index}`, generation: 1 }));
    expect(() => sealEnvelope(key, { ...head, tags }, payload)).toThrow(InvalidOptionError);
  });
});
