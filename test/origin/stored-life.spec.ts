import { describe, expect, it } from '@jest/globals';
import { storedLifeMs } from '../../src/origin/stored-life.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { InvalidOptionError } from '../../src/value/errors.js';

const store = memoryStore();
const untouched = { ...store, capabilities: { ...store.capabilities, touch: false } };

describe('How long a store keeps an entry', () => {
  it('is its whole life', () => {
    expect(storedLifeMs(store, undefined, 5_000, 2_000)).toBe(3_000);
    expect(storedLifeMs(untouched, undefined, 5_000, 2_000)).toBe(3_000);
    expect(storedLifeMs(store, undefined, Infinity, 2_000)).toBe(Infinity);
  });

  it('is the time between two uses where its life slides, and no longer than what is left of it', () => {
    expect(storedLifeMs(store, 1_000, 5_000, 2_000)).toBe(1_000);
    expect(storedLifeMs(store, 1_000, 5_000, 4_500)).toBe(500);
    expect(storedLifeMs(undefined, 1_000, 5_000, 2_000)).toBe(1_000);
  });

  it('can’t slide where the store can’t extend a life', () => {
    expect(() => storedLifeMs(untouched, 1_000, 5_000, 2_000)).toThrow(InvalidOptionError);
  });
});
