import { describe, expect, it } from '@jest/globals';
import { NameSet } from '../../src/backup/name-set.js';

describe('A set of names', () => {
  it('tells apart names that differ in a byte, in their order or in zeros at their end, however many there are', () => {
    const names = new Map<string, Buffer>();
    for (let number = 0; number < 40_000; number++) {
      for (const text of [`key:${number}`, `${number}:key`, `key:${String(number).padStart(12, '0')}`]) {
        names.set(text, Buffer.from(text));
      }
    }
    for (let length = 0; length < 20; length++) names.set('\0'.repeat(length), Buffer.alloc(length));
    const set = new NameSet();
    const confused: string[] = [];
    for (const [text, name] of names) {
      const isNew = !set.has(name) && set.add(name);
      if (!isNew || !set.has(name) || set.add(name)) confused.push(text);
    }
    expect(confused).toEqual([]);
    expect(set.size).toBe(names.size);
  });

  it('marks names once, and finds them marked or not', () => {
    const set = new NameSet();
    const names = Array.from({ length: 10_000 }, (_, index) => Buffer.from(`k${index}`));
    for (const name of names) set.add(name);
    const even = names.filter((_, index) => index % 2 === 0);
    expect(even.filter((name) => set.mark(name)).length).toBe(5_000);
    // Grown since, it still knows which were.
    for (let index = 0; index < 50_000; index++) set.add(Buffer.from(`more${index}`));
    expect(names.filter((name) => set.mark(name)).length).toBe(5_000);
    expect(names.every((name) => set.has(name) && !set.add(name))).toBe(true);
  });
});
