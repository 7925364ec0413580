import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ItemReply, wholeItemAt } from '../../src/store/memcached/item-reply.js';
import { wholeReplyAt } from '../../src/store/memcached/meta-reply.js';
import { leastAgeMs } from '../../src/store/memcached/seconds-to-live.js';

const before = Buffer.from('HD O1\r\n');

describe('the reply to a question', () => {
  it('says what a reply of any kind says', () => {
    const value = fc.uint8Array({ maxLength: 40 });
    const flags = fc.uniqueArray(
      fc.constantFrom(
        'c7',
        'c123456789012345',
        't3',
        't-1',
        't0',
        'f9',
        'f0',
        'W',
        'Z',
        'X',
        'O42',
        'O100000',
        's3',
        'q',
        'c',
      ),
      { selector: (flag) => flag[0] },
    );
    fc.assert(
      fc.property(value, flags, fc.boolean(), (bytes, words, endsWithSpace) => {
        const line = `VA ${bytes.length}${words.map((word) => ` ${word}`).join('')}${endsWithSpace ? ' ' : ''}\r\n`;
        const chunk = Buffer.concat([before, Buffer.from(line), bytes, Buffer.from('\r\nHD O3\r\n')]);
        const said = new ItemReply();
        const end = wholeItemAt(chunk, before.length, said);
        const known = wholeReplyAt(chunk, before.length);
        if (end === 0) {
          // Left to the other: it has no revision, or a word that is none of an item's.
          expect(known?.reply.revision === undefined || known.reply.size !== undefined).toBe(true);
          return;
        }
        expect(end).toBe(known?.end);
        const reply = known?.reply;
        expect(chunk.subarray(said.start, said.start + said.size)).toEqual(reply?.value);
        expect(said.revision).toBe(reply?.revision);
        expect(said.won).toBe(reply?.won);
        expect(said.opaque).toBe(reply?.opaque ?? 0);
        expect(said.ageMs).toBe(leastAgeMs(reply?.clientFlags, reply?.secondsLeft));
      }),
    );
  });

  it('is left alone until all of it is there', () => {
    const chunk = Buffer.from('VA 4 c7 t3 f9 W O5\r\nabcd\r\n');
    const said = new ItemReply();
    for (let length = 0; length < chunk.length; length++) {
      expect(wholeItemAt(chunk.subarray(0, length), 0, said)).toBe(0);
    }
    expect(wholeItemAt(chunk, 0, said)).toBe(chunk.length);
    expect(said).toEqual({ opaque: 5, start: 20, size: 4, revision: 7, won: true, ageMs: 5_000 });
  });

  it('is left alone where it is odd', () => {
    for (const odd of [
      'VA 4 t3 O5\r\nabcd\r\n', // no revision
      'VA 3 c7 O5\r\nabcd\r\n', // another length than it says
      'VA  c7 O5\r\n\r\n',
      'VA 99999999999 c7 O5\r\n\r\n',
      'VA 0 c1234567890123456 O5\r\n\r\n', // no number can hold it
      'VA 0 c7 k O5\r\n\r\n',
      'VA 0 c7 O5\n\r\n',
      'EN O5\r\n',
      'VA4 c7 O5\r\nabcd\r\n',
    ]) {
      expect(wholeItemAt(Buffer.from(odd), 0, new ItemReply())).toBe(0);
    }
  });
});
