import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newRevision, openItem, revisionHead, sealItem } from '../../../src/store/redis/redis-item.js';

describe('An item on the wire', () => {
  it('has these bytes', () => {
    expect(sealItem('a', 0x0102030405060708n, Buffer.from('v')).toString('hex')).toBe('010102030405060708e40c292c76');
    expect(sealItem('a', 0x0102030405060708n, Buffer.from('v'), 0x010203040506).toString('hex')).toBe(
      '020102030405060708e40c292c01020304050676',
    );
    expect(revisionHead(1n).toString('hex')).toBe('010000000000000001');
  });

  it('is given back as it was sealed, and to its own key alone', () => {
    const revisions = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(fc.string(), revisions, fc.uint8Array(), (key, revision, payload) => {
        const bytes = sealItem(key, revision, payload);
        expect(openItem(key, bytes)).toEqual({ revision, payload: Buffer.from(payload) });
        expect(openItem(`${key}x`, bytes)).toBe('foreign');
        expect(bytes.subarray(0, 9)).toEqual(revisionHead(revision));
        const dated = sealItem(key, revision, payload, 1_700_000_000_000.75);
        const writtenAt = 1_700_000_000_000;
        expect(openItem(key, dated)).toEqual({ revision, payload: Buffer.from(payload), writtenAt });
        expect(openItem(`${key}x`, dated)).toBe('foreign');
        expect(openItem(key, dated.subarray(0, 18))).toBe('foreign');
      }),
    );
  });

  it.each<[string, string]>([
    ['0', 'digits'],
    ['-12', 'foreign'],
    ['0012', 'foreign'],
    ['1-2', 'foreign'],
    ['9007199254740991', 'digits'],
    ['', 'foreign'],
    ['OK', 'foreign'],
    ['123456789012345678901', 'foreign'],
    ['\x01short', 'foreign'],
  ])('%j is %s', (text, expected) => {
    expect(openItem('a', Buffer.from(text, 'latin1'))).toBe(expected);
  });

  it('has a revision that no other has', () => {
    const revisions = new Set(Array.from({ length: 5_000 }, newRevision));
    expect(revisions.size).toBe(5_000);
  });
});
