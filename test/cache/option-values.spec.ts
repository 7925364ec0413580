import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { Memoize } from '../../src/decorator/memoize.js';
import { buildCache } from '../support/build-cache.js';

let cache: TieredCache;
beforeEach(async () => {
  cache = await buildCache();
});
afterEach(() => cache.close());

/** What callers of plain JavaScript can give. */
const given = (value: unknown): never => value as never;

const escaped = (text: string): string => text.replace(/[.{}()]/g, String.raw`\$&`);

const cacheOf = (more: object): TieredCache =>
  new TieredCache({ name: 'other', namespace: 'other', packageVersion: '1', ...more });

/** The option, as errors name it, values that it can't have, and what the error says of those that it can. */
const wrong: readonly [string, readonly unknown[], string][] = [
  ['ttl', [-1, NaN, Infinity, 'soon', '', null, true, [], {}, new Date(NaN), { freshUntil: 5 }], 'Give '],
  ['staleFor', [-1, NaN, Infinity, 'soon', null, new Date()], 'Give '],
  ['jitter', [-0.1, 0.6, NaN, '0.1', true, null], 'Give a number from 0 to 0.5.'],
  ['earlyRefresh', [-1, 101, NaN, '1', true, null], 'Give a number from 0 to 100.'],
  ['refreshAfter', [-1, 1.1, NaN, '1', true, null], 'Give a number from 0 to 1.'],
  ['inheritTags', [1, 'yes', null], 'Give true or false.'],
  ['nearTtl', [-1, 0, NaN, Infinity, 'soon', null], 'Give '],
  ['failureHold', [-1, NaN, 1_001, '5s', null], 'Give '],
  ['maxLoad', [-1, 0, NaN, Infinity, 'soon', null], 'Give '],
  ['timeout', [5, '5s', null, [], true], 'Give { soft, hard'],
  ['timeout.soft', [{ soft: -1 }, { soft: 'soon' }, { soft: null }, { soft: 10, hard: 5 }], 'Give '],
  ['timeout.hard', [{ hard: -1 }, { hard: 0 }, { hard: Infinity }, { hard: null }], 'Give '],
  ['negative', [5, '5s', null, [], true], 'Give { ttl, staleFor, when'],
  ['negative.ttl', [-1, NaN, Infinity, 'soon', null, undefined, true].map((ttl) => ({ ttl })), 'Give '],
  ['negative.staleFor', [-1, Infinity, 'soon', null].map((staleFor) => ({ ttl: 5, staleFor })), 'Give '],
  ['negative.when', [5, null, true].map((when) => ({ ttl: 5, when })), 'Give a function of the value.'],
  ['cacheIf', [5, true, null, 'x'], 'Give a function of the value.'],
  ['staleIfError', [5, true, null, 'x'], 'Give a function of the error.'],
  ['tags', ['t', 5, null, {}, [5], [''], ['t'.repeat(201)], Array.from({ length: 17 }, (_, n) => `t${n}`)], ''],
  ['tiers', ['process', 5, null, ['disk'], [5]], "Give 'process', 'store', both, or none of them, as an array."],
  ['version', [NaN, true, null, {}, new Date(NaN)], 'Give a text, a finite number or a valid date.'],
  ['signal', [5, null, {}, new AbortController()], 'Give an AbortSignal.'],
  ['isolation', ['copy', 5, null], ''],
  ['codec', [5, null, {}, 'json'], ''],
];
const each = wrong.flatMap(([option, values, remedy]) => {
  const [name = ''] = option.split('.');
  return values.map((value): [string, unknown, object, string] => [option, value, { [name]: value }, remedy]);
});

describe('A value that an option can’t have', () => {
  it.each(each)(
    'is an error that names %s before anything is loaded or written: %p',
    async (option, _, bad, remedy) => {
      const named = new RegExp(`(^|: |^defaults\\.|: defaults\\.)${escaped(option)}: .*${escaped(remedy)}`);
      let loads = 0;
      const loader = (): number => ++loads;
      for (const calling of [
        cache.getOrSet('k', loader, given(bad)),
        cache.getOrSetMany(['k'], () => [['k', loader()]], given(bad)),
        cache.refresh('k', loader, given(bad)),
        cache.set('k', 1, given(bad)),
        cache.setMany([['k', 1, given(bad)]]),
        cache.setIfAbsent('k', 1, given(bad)),
        cache.update('k', loader, given(bad)),
      ])
        await expect(calling).rejects.toThrow(named);
      expect([loads, await cache.has('k')]).toEqual([0, false]);
      expect(() => cacheOf({ defaults: bad })).toThrow(named);
      if (option === 'signal') return; // of a call alone
      expect(() => defineKey('k:{id}', given(bad))).toThrow(named);
      const ofMethods = option === 'version' ? /^version: .*Give a function of the arguments/ : named;
      expect(() => Memoize(given(bad))({}, 'find', given({ value: () => 1 }))).toThrow(ofMethods);
    },
  );
});

it('A list where one tag stands is an error that says how tags are given', async () => {
  const list = given(['a', 'b']);
  const said = 'tags: a tag is a list. Give its texts one by one, as in invalidateTags(...tags).';
  for (const call of [
    () => cache.invalidateTags(list),
    () => cache.expireTags(list),
    () => cache.getOrSet('k', ({ tag }) => tag(list)),
  ])
    await expect(call()).rejects.toThrow(said);
});

it('An option that is undefined is one that is not given, also to the compiler', async () => {
  const none: { readonly [Name in keyof EntryOptions]-?: undefined } = {
    ttl: undefined,
    staleFor: undefined,
    jitter: undefined,
    earlyRefresh: undefined,
    refreshAfter: undefined,
    timeout: undefined,
    maxLoad: undefined,
    negative: undefined,
    cacheIf: undefined,
    tags: undefined,
    inheritTags: undefined,
    nearTtl: undefined,
    failureHold: undefined,
    version: undefined,
    signal: undefined,
    tiers: undefined,
    isolation: undefined,
    codec: undefined,
    staleIfError: undefined,
  };
  const { signal: _ofOneCall, ...ofKeyClass } = none;
  const keyOf = defineKey('k:{id}', { ...ofKeyClass, holds: undefined, owner: undefined, description: undefined });
  const key = keyOf({ id: 'a' });
  const within: EntryOptions = {
    timeout: { soft: undefined, hard: undefined },
    negative: { ttl: '1m', staleFor: undefined, when: undefined },
  };
  expect(await cache.getOrSet(key, () => 1, none)).toBe(1);
  expect(await cache.getOrSet('within', () => 1, within)).toBe(1);
  expect(await cache.set(key, 2, { ...none, confirm: undefined })).toBe(true);
  expect(await cache.get(key, { version: undefined, confirm: undefined })).toBe(2);
  const defaults = cacheOf({ defaults: none });
  expect(await defaults.getOrSet(key, () => 1)).toBe(1);
  await defaults.close();
});
