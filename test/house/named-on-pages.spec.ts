import { describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { filesOf, textOf } from './repository.js';

/** What users read. The list of exported names says nothing of a method, nor do decisions. */
const pages = ['README.md', ...filesOf('docs')].filter(
  (path) => path.endsWith('.md') && path !== 'docs/api.md' && !path.startsWith('docs/decisions/'),
);

/** As it is called, or as it is spoken of. */
const names = (page: string, method: string): boolean => new RegExp(`(\\.|\`)${method}(<[^(]*>)?(\\(|\`)`).test(page);

/** TypeScript's `private` leaves no trace; `JSON.stringify` calls the other. */
const uncalled = ['nearKey', 'toJSON'];

describe('The pages', () => {
  it('name each method of TieredCache', () => {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(TieredCache.prototype))
      .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
      .map(([name]) => name)
      .filter((name) => !uncalled.includes(name));
    expect(methods.length).toBeGreaterThan(20);
    const texts = pages.map(textOf);
    expect(methods.filter((method) => !texts.some((text) => names(text, method)))).toEqual([]);
  });

  it('name a method where they call it or speak of it, and not another one', () => {
    for (const page of ['await cache.set(1)', 'cache.set<number>(1)', 'so does `set`', '`set(key)` does'])
      expect(names(page, 'set')).toBe(true);
    for (const page of ['a set of them', '`setMany`', 'cache.reset(1)', 'cache.sets'])
      expect(names(page, 'set')).toBe(false);
  });
});
