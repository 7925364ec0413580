import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { versionedKey } from '../../src/key/key.js';
import { InvalidKeyError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';

let cache: TieredCache;
beforeEach(async () => {
  cache = await buildCache();
});
afterEach(() => cache.close());

/** What callers of plain JavaScript can give. */
const given = (value: unknown): never => value as never;

describe('Verbs that load nothing', () => {
  it('name an option that they don’t have', async () => {
    for (const call of [
      () => cache.get('k', given({ versoin: 1 })),
      () => cache.lookup('k', given({ versoin: 1 })),
      () => cache.getMany(['k'], given({ versoin: 1 })),
    ])
      await expect(call()).rejects.toThrow('Did you mean version?');
    for (const call of [
      () => cache.delete('k', given({ cofirm: true })),
      () => cache.deleteMany(['k'], given({ cofirm: true })),
      () => cache.expire('k', given({ cofirm: true })),
      () => cache.setMany([['k', 1]], given({ cofirm: true })),
    ])
      await expect(call()).rejects.toThrow('Did you mean confirm?');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('and those of many keys name one for no keys, too', async () => {
    const none = cache.getOrSetMany([], () => [], given({ tll: '1h' }));
    await expect(none).rejects.toThrow('Did you mean ttl?');
    await expect(cache.getOrSetMany([], () => [], { ttl: -1 })).rejects.toThrow('ttl: -1');
  });

  it('are those of a cache whose own options are known', () => {
    const made = (more: object): (() => unknown) => {
      const identity = { name: 'other', namespace: 'other', packageVersion: '1' };
      return () => new TieredCache({ ...identity, ...more });
    };
    expect(made({ stores: [] })).toThrow('stores: TieredCache has no such option. Did you mean store?');
    expect(made({ process: { maxEntires: 1 } })).toThrow('Did you mean process.maxEntries?');
    expect(made({ coherence: { intervall: 1 } })).toThrow('Did you mean coherence.interval?');
    expect(made({ defaults: { tll: 1 } })).toThrow('Did you mean defaults.ttl?');
  });
});

describe('Verbs that load', () => {
  const misspelt: [object, string][] = [
    [{ tll: '1h' }, 'Did you mean ttl?'],
    [{ ttl: '1h', timeout: { sotf: 5 } }, 'Did you mean timeout.soft?'],
    [{ negative: { tlt: 5 } }, 'Did you mean negative.ttl?'],
    [{ tll: undefined }, 'Did you mean ttl?'],
    [given(5), 'the options are no object'],
  ];
  it.each(misspelt)('name an option that they don’t have where the value is near, too: %j', async (options, words) => {
    await cache.set('k', 1, { ttl: '1h' });
    expect(cache.peek('k')).toBe(1);
    await expect(cache.getOrSet('k', () => 2, given(options))).rejects.toThrow(words);
    await expect(cache.getOrSetMany(['k'], () => [['k', 2]], given(options))).rejects.toThrow(words);
    await expect(cache.refresh('k', () => 2, given(options))).rejects.toThrow(words);
    expect(await cache.getOrSet('k', () => 2)).toBe(1);
  });

  it.each<EntryOptions<number>>([
    ...['ttl', 'staleFor', 'nearTtl', 'failureHold', 'maxLoad'].map((name) => ({ [name]: '1s' })),
    ...['jitter', 'refreshAfter', 'earlyRefresh'].map((name) => ({ [name]: 0.5 })),
    { inheritTags: true, staleIfError: () => true, cacheIf: () => true },
    { tags: ['t'], tiers: ['store', 'process'], timeout: { soft: 5, hard: 10 } },
    { negative: { ttl: 5, staleFor: 5, when: (value) => value > 1 } },
    given({ version: undefined, isolation: undefined, codec: undefined, signal: undefined }),
  ])('answer a hit with what is near at once, whatever they are to load with: %j', async (options) => {
    await cache.set('k', 1);
    expect(cache.getOrSet('k', () => 2, options)).toBe(cache.getOrSet('k', () => 2));
  });

  it.each<EntryOptions<number>>([{ version: 'v2' }, { isolation: 'clone' }, { signal: new AbortController().signal }])(
    'look again where a call asks for another value, or may end: %j',
    async (options) => {
      await cache.set('k', 1);
      expect(cache.getOrSet('k', () => 2, options)).not.toBe(cache.getOrSet('k', () => 2));
    },
  );
});

describe('Verbs of many keys', () => {
  it('remove one key where a text is given, or a key alone', async () => {
    const letters = [...'product:1'];
    await cache.setMany(letters.map((letter) => [letter, 0] as const));
    await cache.set('product:1', 1);
    expect(await cache.deleteMany('product:1')).toBe(true);
    expect(await cache.has('product:1')).toBe(false);
    expect(await Promise.all(letters.map((letter) => cache.has(letter)))).not.toContain(false);
    await cache.set(versionedKey('a', 1), 1);
    await cache.deleteMany(versionedKey('a', 1));
    expect(await cache.has(versionedKey('a', 1))).toBe(false);
  });

  it('look one key up where a text is given', async () => {
    expect(await cache.getOrSetMany(given('k'), (keys) => keys.map((key) => [key, 1] as const))).toEqual([1]);
    expect(await cache.getMany(given('k'))).toMatchObject([{ hit: true, value: 1 }]);
  });

  it('refuse what is no list of keys, and an entry that is a text', async () => {
    for (const call of [
      () => cache.deleteMany(given(5)),
      () => cache.getMany(given({ 0: 'k' })),
      () => cache.getOrSetMany(given(undefined), () => []),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'INVALID_KEY' });
    await expect(cache.setMany(given(['ab']))).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'setMany' });
    expect(await cache.has('a')).toBe(false);
  });
});

describe('Verbs that write', () => {
  it('write nothing once their signal is aborted', async () => {
    const stopped = { signal: AbortSignal.abort(new RangeError('enough')) };
    await cache.set('there', 1);
    for (const call of [
      () => cache.set('k', 1, stopped),
      () =>
        cache.setMany([
          ['k', 1],
          ['there', 2, stopped],
        ]),
      () => cache.setIfAbsent('k', 1, stopped),
      () => cache.update('there', () => 2, stopped),
    ])
      await expect(call()).rejects.toThrow('enough');
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.get('there')).toBe(1);
  });

  it('by what is stored refuse to leave the store out', async () => {
    const near = { tiers: ['process'] } as const;
    await expect(cache.update('k', () => 1, near)).rejects.toThrow(/tiers: .* Let it name 'store'/);
    await expect(cache.setIfAbsent('k', 1, near)).rejects.toThrow(/tiers: .* Let it name 'store'/);
  });
});

describe('What is', () => {
  it('no key is told so by a rejection, also with the id of an entry', async () => {
    await cache.set('k', 1);
    for (const key of [undefined, null, 5, {}, { id: 'k' }]) {
      await expect(cache.getOrSet(given(key), () => 1)).rejects.toMatchObject({ code: 'INVALID_KEY' });
      expect(() => cache.peek(given(key))).toThrow(InvalidKeyError);
    }
  });

  it('no tier is told so', async () => {
    await expect(cache.getOrSet('k', () => 1, { tiers: given(['disk']) })).rejects.toThrow("'disk' is none");
  });

  it('no list of entries is told so, where a loader of many gave it', async () => {
    for (const answer of [5, undefined, ['value'], [{ k: 1 }]])
      await expect(cache.getOrSetMany(['k'], () => given(answer))).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});
