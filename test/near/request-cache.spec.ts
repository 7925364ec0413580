import { expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { Codec } from '../../src/codec/codec.js';
import { json } from '../../src/codec/json.js';
import { text } from '../../src/codec/text.js';
import { RequestCache } from '../../src/near/request-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { toKey } from '../../src/key/key.js';
import type { KeyLike } from '../../src/key/key.js';
import { UnencodableValueError } from '../../src/value/errors.js';
import { recordEvents } from '../support/recorded-events.js';

const scope = new RequestScope();
const cacheOf = () => new RequestCache(scope, (key) => toKey(key).text).namespace();

it('The first value of a request that is set as its default is kept for it, and for no other', async () => {
  const cache = cacheOf();
  const askTwice = (): unknown[] => [cache.setDefault('k', 'first'), cache.setDefault('k', 'second'), cache.get('k')];
  expect(await scope.run(async () => askTwice())).toEqual(['first', 'first', 'first']);
  expect(await scope.run(async () => cache.get('k'))).toBeUndefined();
});

it('A value that is undefined is refused, as it is by a cache: it is what a miss looks like', async () => {
  const cache = cacheOf();
  const anything: Codec<unknown> = { ...json<unknown>(), name: 'anything', encode: () => Buffer.from('1') };
  await scope.run(async () => {
    for (const set of [cache.set.bind(cache), cache.setDefault.bind(cache)]) {
      expect(() => void set('k', undefined, anything)).toThrow(
        new UnencodableValueError(
          'anything',
          '$',
          'undefined is what a miss looks like',
          'Store null, or delete the key.',
        ),
      );
    }
    expect(cache.get('k')).toBeUndefined();
  });
});

it('A default that is set outside of a request is given back and kept nowhere, and that is said once', () => {
  const events = recordEvents('fault');
  const cache = cacheOf();
  expect([cache.setDefault('k', 1), cache.setDefault('k', 2), cache.get('k')]).toEqual([1, 2, undefined]);
  events.stop();
  expect(events.of('fault').map(({ kind }) => kind)).toEqual(['degraded']);
});

it('A key that says what it holds types the value', async () => {
  const cache = cacheOf();
  const title = defineKey('title:{slug}', { codec: text() });
  await scope.run(async () => {
    cache.set(title({ slug: 'a' }), 'A');
    const found: string | undefined = cache.get(title({ slug: 'a' }));
    expect(found).toBe('A');
    // @ts-expect-error a title is no number
    cache.set(title({ slug: 'a' }), 5);
  });
});

it('A key goes by the name that its cache gives it, in look-ups and in what is said of a value that can’t be stored', async () => {
  const keyOf = (key: KeyLike): string => toKey(key).text;
  const hidden = new RequestCache(scope, keyOf, () => '~hidden').namespace();
  await scope.run(async () => {
    hidden.set('ada', 1);
    expect([hidden.lookup('ada'), hidden.lookup('grace')].map(({ key }) => key)).toEqual(['~hidden', '~hidden']);
    for (const [cache, key] of [
      [hidden, '~hidden'],
      [cacheOf(), 'k'],
    ] as const) {
      for (const set of [cache.set.bind(cache), cache.setDefault.bind(cache)])
        expect(() => void set('k', 1n)).toThrow(expect.objectContaining({ name: 'UnencodableValueError', key }));
    }
  });
});
