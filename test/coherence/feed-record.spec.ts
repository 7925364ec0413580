import { describe, expect, it } from '@jest/globals';
import { decodeRecord, encodeRecord, partsOf } from '../../src/coherence/feed-record.js';
import { tagName } from '../../src/coherence/invalidated-names.js';
import { OwnRecords } from '../../src/coherence/own-records.js';
import { digest } from '../../src/key/key-space.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { maxRecordBytes } from '../../src/store/feed.js';
import type { Invalidation } from '../../src/store/feed.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { buildCache } from '../support/build-cache.js';
import { shardWith } from '../support/shard-with.js';

const record = { writer: 'w', number: 7, at: 1.5, names: ['a', tagName('t'), 'é'] };

describe('A record of the feed', () => {
  it('names keys of up to 200 bytes as they are, and longer ones by a digest: all processes must agree on it', async () => {
    const named: string[] = [];
    const store = storeBehind(memoryStore(), (shard) => {
      const invalidate = (asked: Invalidation): Promise<unknown> => {
        for (const bytes of asked.records) named.push(...(decodeRecord(Buffer.from(bytes))?.names ?? []));
        return shard.invalidate?.(asked) ?? Promise.reject(new Error('it has no feed'));
      };
      return shardWith(shard, { invalidate });
    });
    const cache = await buildCache({ store });
    for (const length of [200, 201]) await cache.delete('k'.repeat(length));
    await cache.close();
    expect(named).toEqual(['k'.repeat(200), digest('k'.repeat(201))]);
  });

  it('is read as it was written, keys before tags', () => {
    expect(decodeRecord(encodeRecord(record))).toEqual({
      ...record,
      names: ['a', 'é', tagName('t')],
    });
    expect(decodeRecord(encodeRecord({ ...record, names: [] }))?.names).toEqual([]);
  });

  it('has these bytes: processes of other releases read them', () => {
    expect(encodeRecord(record).toString()).toBe('[2,"w",7,1.5,["a","é"],["t"]]');
  });

  it.each<[string, unknown]>([
    ['no JSON', undefined],
    ['no list', { length: 6 }],
    ['of another format', [1, 'w', 7, 1, [], []]],
    ['too short', [2, 'w', 7, 1, []]],
    ['too long', [2, 'w', 7, 1, [], [], 0]],
    ['written by nobody', [2, 7, 7, 1, [], []]],
    ['without a whole number', [2, 'w', 1.5, 1, [], []]],
    ['without an instant', [2, 'w', 7, 'now', [], []]],
    ['without keys', [2, 'w', 7, 1, 'a', []]],
    ['without tags', [2, 'w', 7, 1, [], 'a']],
    ['with a key that is no text', [2, 'w', 7, 1, ['a', 1], []]],
    ['with a tag that is no text', [2, 'w', 7, 1, [], ['a', null]]],
  ])('is none where it is %s', (_, fields) => {
    expect(decodeRecord(Buffer.from(fields === undefined ? '[2,' : JSON.stringify(fields)))).toBeUndefined();
  });
});

describe('A list of names', () => {
  const bytesOf = (names: readonly string[]): number => encodeRecord({ ...record, names }).length;

  it.each<[string, (index: number) => string]>([
    ['keys', (index) => `${index}`.padStart(100, 'k')],
    ['tags', (index) => tagName(`${index}`.padStart(100, 't'))],
    ['keys that take more bytes than characters', (index) => `${index}\n"é`.repeat(20)],
  ])(
    'is cut into records that a store takes, each nearly full, none of them empty and nothing left out: %s',
    (_, nameOf) => {
      const names = Array.from({ length: 5_000 }, (_unused, index) => nameOf(index));
      const parts = partsOf(names);
      expect(parts.flat()).toEqual(names);
      for (const part of parts) expect(bytesOf(part)).toBeLessThanOrEqual(maxRecordBytes);
      for (const part of parts.slice(0, -1)) expect(bytesOf(part)).toBeGreaterThan(maxRecordBytes - 600);
    },
  );

  it('is one record where it fits, and none where there are no names', () => {
    expect(partsOf(['a', tagName('b')])).toEqual([['a', tagName('b')]]);
    expect(partsOf([])).toEqual([]);
  });

  it('has a record of its own for a name that is larger than any record', () => {
    const large = 'x'.repeat(2 * maxRecordBytes);
    expect(partsOf(['a', large, 'b'])).toEqual([['a'], [large], ['b']]);
  });
});

describe('The records of one cache', () => {
  const read = (own: OwnRecords, number: number, writer = own.writer): boolean =>
    own.isAnswered({ ...record, writer, number });

  it('need not be applied when they are read back, once they were answered', () => {
    const own = new OwnRecords();
    const [first, second] = [own.begin(), own.begin()];
    expect(second).toBe(first + 1);
    own.answered(second);
    expect([read(own, first), read(own, second)]).toEqual([false, true]);
    own.answered(first);
    expect(read(own, first)).toBe(true);
  });

  it('are remembered by the ten thousand where none is answered; what is begun and answered after that counts as before', () => {
    const own = new OwnRecords();
    const numbers = Array.from({ length: 20_000 }, () => own.begin());
    const last = own.begin();
    own.answered(last);
    expect([read(own, numbers[0] as number), read(own, numbers[19_999] as number), read(own, last)]).toEqual([
      false,
      false,
      true,
    ]);
    const remembered = numbers.filter((number) => {
      own.answered(number);
      return read(own, number);
    });
    expect(remembered).toEqual(numbers.slice(-9_999));
  });

  it('that are answered after they were forgotten are applied like any other', () => {
    const own = new OwnRecords();
    const first = own.begin();
    for (let count = 0; count < 10_000; count++) own.begin();
    own.answered(first);
    expect(read(own, first)).toBe(false);
  });

  it('are nobody else’s', () => {
    const [one, other] = [new OwnRecords(), new OwnRecords()];
    const number = one.begin();
    one.answered(number);
    expect(one.writer).not.toBe(other.writer);
    expect(read(other, number, one.writer)).toBe(false);
  });
});
