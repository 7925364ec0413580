import { beforeEach, describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import { CombinedTrust, ShardTrust } from '../../src/coherence/trust.js';
import { NearCopy } from '../../src/near/near-copy.js';
import { ProcessTier } from '../../src/near/process-tier.js';
import { InvalidOptionError } from '../../src/value/errors.js';

const one = new ShardTrust(Infinity);
const other = new ShardTrust(Infinity);
const serving = { codec: json(), isolation: 'share', version: undefined } as const;

function copyOf(value: unknown, { tags = [] as string[], trust = one, alias = '' } = {}): NearCopy {
  const head = {
    ...{ codec: 'json', createdAt: 0, freshUntil: 1_000, staleUntil: 1_000, loadCostMs: 0, generation: 0 },
    tags: tags.map((tag) => ({ tag, generation: 1 })),
  };
  const copy = new NearCopy(head, undefined, serving, trust, 100, value, 0);
  if (alias !== '') copy.alias = alias;
  return copy;
}

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

  it('go by what the feed calls their key, whatever that was called before', () => {
    tier.set('a', copyOf(1, { alias: 'digest of a' }));
    tier.set('b', copyOf(2));
    expect(tier.deleteAlias('digest of b')).toBe(false);
    expect(held('a', 'b')).toEqual(['a', 'b']);
    expect(tier.deleteAlias('digest of a')).toBe(true);
    expect(tier.deleteAlias('digest of a')).toBe(false);
    expect(held('a', 'b')).toEqual(['b']);
    tier.set('b', copyOf(3, { alias: 'early' }));
    tier.set('b', copyOf(4, { alias: 'late' }));
    expect([tier.deleteAlias('early'), tier.deleteAlias('late')]).toEqual([false, true]);
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
    tier.set('a', copyOf(1, { tags: ['x'], alias: 'digest of a' }));
    tier.clear();
    expect([held('a'), tier.deleteTagged('x'), tier.deleteAlias('digest of a')]).toEqual([[], 0, false]);
    // What is kept under the same key later is not called so.
    tier.set('a', copyOf(2));
    expect([tier.deleteTagged('x'), tier.deleteAlias('digest of a'), held('a')]).toEqual([0, false, ['a']]);
  });

  it('leave no tag and no name behind when they go to make room', () => {
    const evicted: number[] = [];
    tier = new ProcessTier({ maxEntries: 1, eviction: 'lru' }, { random: () => 0.5, onEvicted: () => evicted.push(1) });
    tier.set('a', copyOf(1, { tags: ['x'], alias: 'digest of a' }));
    tier.set('b', copyOf(2));
    expect(evicted).toHaveLength(1);
    expect([held('a', 'b'), tier.deleteTagged('x'), tier.deleteAlias('digest of a')]).toEqual([['b'], 0, false]);
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
