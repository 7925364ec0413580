import { describe, expect, it } from '@jest/globals';
import { json } from '../../src/codec/json.js';
import { structured } from '../../src/codec/structured.js';
import { UnencodableValueError } from '../../src/value/errors.js';

class Category {
  constructor(readonly name: string) {}
}
/** A row as an ORM hands it out: an instance, with a date and related rows. */
class Product {
  readonly id = 7;
  readonly createdAt = new Date(1_000);
  readonly categories = [new Category('books')];
  get label(): string {
    return `product ${this.id}`;
  }
}

const refusal = (encode: () => unknown): string => {
  try {
    encode();
  } catch (error) {
    if (error instanceof UnencodableValueError) return error.message;
    throw error;
  }
  throw new Error('it was encoded');
};

describe('A row of an ORM', () => {
  it('is carried as plain data by structured({ instances: plain }), dates and all', () => {
    const codec = structured({ instances: 'plain' });
    const decoded = codec.decode(Buffer.from(codec.encode(new Product())));
    expect(decoded).toEqual({ id: 7, createdAt: new Date(1_000), categories: [{ name: 'books' }] });
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(codec.name).not.toBe(structured().name);
  });

  it('is told by the first error what will do', () => {
    expect(refusal(() => json().encode(new Product()))).toBe(
      "The json codec can't store $: an instance of Product would come back as a plain object. It holds what JSON has no form for, such as a date: convert it to plain data first, or use structured({ instances: 'plain' }).",
    );
    expect(refusal(() => json({ instances: 'plain' }).encode(new Product()))).toBe(
      "The json codec can't store $.createdAt: an instance of Date would come back as a text. Use structured({ instances: 'plain' }), or convert it first.",
    );
    expect(refusal(() => structured().encode(new Product()))).toContain("or use structured({ instances: 'plain' }).");
    expect(refusal(() => json().encode(new Category('books')))).toContain("or use json({ instances: 'plain' }).");
  });

  it('is refused still where its content would be lost', () => {
    const codec = structured({ instances: 'plain' });
    class Rows extends Map {}
    for (const value of [new Error('no'), /a/, new Rows()]) {
      expect(refusal(() => codec.encode({ value }))).toContain("can't store $.value: an instance of");
    }
    const row: { self?: unknown } = new (class Row {})();
    row.self = row;
    expect(refusal(() => codec.encode(row))).toContain('$.self: it contains itself');
  });

  it('keeps an array of a subclass as an array', () => {
    class Rows extends Array<Category> {}
    const codec = structured({ instances: 'plain' });
    const rows = Rows.from([new Category('books')]);
    expect(codec.decode(Buffer.from(codec.encode(rows)))).toEqual([{ name: 'books' }]);
  });
});

describe('An error about a value', () => {
  it('names the key and the method where they are known, and never the value', () => {
    const seen = new UnencodableValueError('json', '$.at', 'it is a date', 'Convert it.').at(
      'product:7',
      'Products.find',
    );
    expect(seen.message).toBe(
      "product:7, loaded by Products.find: The json codec can't store $.at: it is a date. Convert it.",
    );
    expect([seen.key, seen.code, seen.path]).toEqual(['product:7', 'UNENCODABLE_VALUE', '$.at']);
    expect(seen.at('outer').message).toBe("outer: The json codec can't store $.at: it is a date. Convert it.");
  });
});
