import { beforeEach, describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import { feedName } from '../../src/coherence/coherence.js';
import { CombinedTrust, ShardTrust } from '../../src/coherence/trust.js';
import { toKey, versionedKey } from '../../src/key/key.js';
import { NearCopy } from '../../src/near/near-copy.js';
import type { Eviction } from '../../src/near/eviction/create-bounded-map.js';
import { ProcessTier } from '../../src/near/process-tier.js';
import { InvalidOptionError } from '../../src/value/errors.js';

const one = new ShardTrust(Infinity);
const other = new ShardTrust(Infinity);
const serving = { codec: json(), isolation: 'share', version: undefined } as const;

function copyOf(value: unknown, { tags = [] as string[], trust = one } = {}): NearCopy {
  const head = {
    ...{ codec: 'json', createdAt: 0, freshUntil: 1_000, staleUntil: 1_000, loadCostMs: 0, generation: 0 },
    tags: tags.map((tag) => ({ tag, generation: 1 })),
  };
  return new NearCopy(head, undefined, serving, trust, 100, value, 0);
}

/** Of keys that the feed calls by their digests: a text, one that is longer as it is written, and parts. */
const long = [toKey('a'.repeat(201)), toKey('é'.repeat(100)), versionedKey('page', 'a'.repeat(200))] as const;

describe('The copies of a process', () => {
  let tier: ProcessTier;
  beforeEach(() => {
    tier = new ProcessTier({}, { random: () => 0.5 });
  });
  const held = (...ids: string[]): string[] => ids.filter((id) => tier.peek(id) !== undefined);

  it('go by their key, and it is said whether there was one', () => {
    tier.set('a', copyOf(1));
    expect([tier.delete('a'), tier.delete('a'), held('a')]).toEqual([true, false, []]);
  });

  it.each([...long])('go by what the feed calls their key, as long as they are kept: %#', ({ id, text }) => {
    const alias = feedName(text);
    expect(alias).not.toBe(text);
    tier.set(id, copyOf(1), alias);
    tier.set('b', copyOf(2));
    expect(tier.deleteAlias('b')).toBe(false);
    expect(held(id, 'b')).toEqual([id, 'b']);
    expect([tier.deleteAlias(alias), tier.deleteAlias(alias)]).toEqual([true, false]);
    expect(held(id, 'b')).toEqual(['b']);
    tier.set(id, copyOf(3), alias);
    tier.set(id, copyOf(4), alias);
    expect([tier.deleteAlias(alias), held(id)]).toEqual([true, []]);
    tier.set(id, copyOf(5), alias);
    tier.delete(id);
    tier.set(id, copyOf(6));
    expect([tier.deleteAlias(alias), held(id)]).toEqual([false, [id]]);
  });

  it('go by a tag, all that have it and no others, by the tags of the latest copy', () => {
    tier.set('a', copyOf(1, { tags: ['x', 'y'] }));
    tier.set('b', copyOf(2, { tags: ['x'] }));
    tier.set('c', copyOf(3, { tags: ['y'] }));
    tier.set('b', copyOf(4, { tags: ['y'] }));
    expect(tier.deleteTagged('x')).toBe(1);
    expect(held('a', 'b', 'c')).toEqual(['b', 'c']);
    expect(tier.deleteTagged('x')).toBe(0);
    expect(tier.deleteTagged('y')).toBe(2);
    expect(held('a', 'b', 'c')).toEqual([]);
  });

  it('go by the feed that could have named them', () => {
    tier.set('a', copyOf(1));
    tier.set('b', copyOf(2, { trust: other }));
    tier.set('c', copyOf(3, { trust: new CombinedTrust([one, other]) }));
    expect(tier.deleteCovered(one)).toBe(2);
    expect(held('a', 'b', 'c')).toEqual(['b']);
  });

  it('go all at once', () => {
    tier.set('a', copyOf(1, { tags: ['x'] }), 'digest of a');
    tier.clear();
    expect([held('a'), tier.deleteTagged('x'), tier.deleteAlias('digest of a')]).toEqual([[], 0, false]);
    // What is kept under the same key later is not called so.
    tier.set('a', copyOf(2));
    expect([tier.deleteTagged('x'), tier.deleteAlias('digest of a'), held('a')]).toEqual([0, false, ['a']]);
  });

  it('leave no tag and no name behind when they go to make room', () => {
    const evicted: number[] = [];
    tier = new ProcessTier({ maxEntries: 1, eviction: 'lru' }, { random: () => 0.5, onEvicted: () => evicted.push(1) });
    const [{ id, text }] = long;
    tier.set(id, copyOf(1, { tags: ['x'] }), feedName(text));
    tier.set('b', copyOf(2));
    expect(evicted).toHaveLength(1);
    expect([held(id, 'b'), tier.deleteTagged('x')]).toEqual([['b'], 0]);
    tier.set(id, copyOf(3));
    expect([tier.deleteAlias(feedName(text)), held(id)]).toEqual([false, [id]]);
  });

  it('have room for 64 MiB if nothing is said, and for one entry if that is', () => {
    const room = 64 * 2 ** 20 - 'a'.length;
    const ofBytes = (sizeBytes: number): NearCopy => Object.assign(copyOf(1), { sizeBytes });
    tier.set('a', ofBytes(room + 1));
    expect(held('a')).toEqual([]);
    tier.set('a', ofBytes(room));
    expect(held('a')).toEqual(['a']);
    tier = new ProcessTier({ maxEntries: 1, maxBytes: 101 }, { random: () => 0.5 });
    tier.set('a', copyOf(1));
    expect(held('a')).toEqual(['a']);
  });

  it.each<Eviction>(['adaptive', 'lru'])('have no more entries than a Map holds: %s', (eviction) => {
    for (const maxEntries of [2 ** 24 + 1, 2 ** 32, Number.MAX_SAFE_INTEGER])
      expect(() => new ProcessTier({ maxEntries, eviction }, { random: () => 0 })).toThrow(
        new InvalidOptionError(
          'process.maxEntries',
          `${maxEntries} are more than a Map holds`,
          'Give 1 to 16777216, and bound the rest by process.maxBytes.',
        ),
      );
  });

  it.each([0, -1, 1.5, NaN, Infinity])('have bounds of whole numbers: %p', (bound) => {
    for (const option of ['maxEntries', 'maxBytes'])
      expect(() => new ProcessTier({ [option]: bound }, { random: () => 0 })).toThrow(
        new InvalidOptionError(
          `process.${option}`,
          `${bound} is not a count`,
          'Give a whole number of 1 or more, or process: false.',
        ),
      );
  });
});
