import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { cacheKeys } from '../src/cache-keys.js';

describe('CACHE_KEYS.md', () => {
  it('is what the code says', () => {
    const committed = readFileSync(new URL('../CACHE_KEYS.md', import.meta.url), 'utf8');
    expect(committed).toBe(cacheKeys.toMarkdown());
  });
});
