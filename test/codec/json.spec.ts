import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { json } from '../../src/codec/json.js';
import { codecContract } from '../../src/testing/codec-contract.js';
import { UndecodableError, UnencodableValueError } from '../../src/value/errors.js';

const endurance = process.env['ENDURANCE'] === '1';

class Money {
  constructor(readonly cents: number) {}
}

class Tally extends Array<number> {}

class Secretive {
  #cents = 5;
  spent(): number {
    return this.#cents++;
  }
}

class Empty {}

const cycle: { self?: unknown } = {};
cycle.self = cycle;

codecContract(
  { describe, it },
  {
    make: () => json(),
    values: [
      null,
      true,
      false,
      0,
      -1.5,
      1e300,
      '',
      'a"\\\u2028\ud800',
      [],
      [null, [1]],
      {},
      { a: { b: [{ c: '' }] } },
      JSON.parse('{"__proto__":{"polluted":true},"constructor":1}'),
    ],
    refused: [
      undefined,
      NaN,
      Infinity,
      1n,
      Symbol('a'),
      () => 1,
      new Date(),
      new Map(),
      new Set(),
      Buffer.from('a'),
      new Money(1),
      Tally.of(1),
      /a/,
      new Error('e'),
      Object('boxed'),
      cycle,
      [undefined],
      new Array(2),
      Object.assign([1], { named: 1 }),
      { toJSON: () => 1 },
      { [Symbol('s')]: 1 },
      { deep: [{ date: new Date() }] },
    ],
    undecodable: ['', '{', '{"a":1}x', 'NaN', "'a'", '\ufeff{}']
      .map((stored) => Buffer.from(stored))
      .concat(Buffer.of(0x22, 0xff, 0x22)),
    mutate(value) {
      if (typeof value === 'object' && value !== null) (value as Record<string, unknown>)['added'] = 1;
    },
  },
);

describe('json', () => {
  const refusal = (value: unknown, codec = json()): UnencodableValueError => {
    try {
      codec.encode(value);
    } catch (error) {
      if (error instanceof UnencodableValueError) return error;
      throw error;
    }
    throw new Error('It was not refused.');
  };

  it('says where in the value and what to do', () => {
    expect(refusal({ items: [{}, { price: NaN }] }).path).toBe('$.items[1].price');
    expect(refusal({ at: new Date() }).message).toBe(
      "The json codec can't store $.at: an instance of Date would come back as a text. Use the structured codec, or convert it first.",
    );
    expect(refusal({ money: new Money(1) }).message).toMatch(/Money .* json\(\{ instances: 'plain' \}\)/);
  });

  it('shows nothing of the content', () => {
    const secret = 'hunter2-secret';
    for (const value of [
      { a: Object(secret) as unknown },
      [new Money(1), secret],
      new Map([[secret, secret]]),
      Symbol(secret),
    ]) {
      expect(refusal(value).message).not.toContain(secret);
    }
  });

  it('takes a property that is undefined for absent', () => {
    expect(Buffer.from(json().encode({ a: undefined, b: 1 })).toString()).toBe('{"b":1}');
  });

  it('stores instances as plain data where that is said, but none that keep their content elsewhere', () => {
    const plain = json({ instances: 'plain' });
    expect(plain.decode(Buffer.from(plain.encode({ money: new Money(5), tally: Tally.of(1, 2) })))).toEqual({
      money: { cents: 5 },
      tally: [1, 2],
    });
    for (const value of [
      new Date(),
      new Map([[1, 2]]),
      new Set([1]),
      /a/,
      new Error('e'),
      new Uint8Array(2),
      Object(1) as unknown,
      Promise.resolve(),
      new URL('https://a/b'),
      new URLSearchParams('a=1'),
      new Headers({ a: '1' }),
      new Intl.NumberFormat('en'),
      new Secretive(),
      new Empty(),
    ]) {
      expect(refusal({ value }, plain).path).toBe('$.value');
    }
  });

  it('advises what carries the value', () => {
    const plain = json({ instances: 'plain' });
    const link = new URL('https://a/b');
    for (const codec of [json(), plain]) {
      expect(refusal({ link }, codec).message).toBe(
        "The json codec can't store $.link: an instance of URL would come back as an empty object. Store its href.",
      );
      expect(refusal([new Secretive()], codec).message).toMatch(/Secretive .* Convert it to plain data first\.$/);
      expect(refusal([/a/], codec).message).toMatch(/RegExp .* Convert it to plain data first\.$/);
    }
    expect(refusal(new Map()).message).toMatch(/Use the structured codec, or convert it first\.$/);
    expect(refusal(new Map(), plain).message).toMatch(
      /Use structured\(\{ instances: 'plain' \}\), or convert it first\.$/,
    );
  });

  it('takes plain objects and arrays of another realm', () => {
    const value: unknown = runInNewContext('({ a: [1, { b: null }] })');
    expect(Buffer.from(json().encode(value)).toString()).toBe('{"a":[1,{"b":null}]}');
    const dated: unknown = runInNewContext('({ d: new Date() })');
    expect(refusal(dated).path).toBe('$.d');
  });

  it('takes what is met twice, and refuses what is within itself or too deep', () => {
    const twice = { a: 1 };
    expect(json().decode(Buffer.from(json().encode([twice, twice])))).toEqual([twice, twice]);
    const nested = (levels: number): unknown => {
      let deep: unknown = 1;
      for (let level = 0; level < levels; level++) deep = level % 2 ? [deep] : { deep };
      return deep;
    };
    for (const codec of [json(), json({ instances: 'plain' })]) {
      expect(refusal(nested(100_000), codec).message).toContain('nested too deeply');
      expect(refusal(nested(1_001), codec).message).toContain('nested too deeply');
      expect(codec.decode(Buffer.from(codec.encode(nested(1_000))))).toEqual(nested(1_000));
    }
  });

  it('gives back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const back = json().decode(Buffer.from(json().encode(value)));
        expect(back).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives back any value unchanged, or refuses it', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: Uint8Array;
        try {
          encoded = json().encode(value);
        } catch (error) {
          expect(error).toBeInstanceOf(UnencodableValueError);
          return;
        }
        expect(withoutZeroSigns(json().decode(Buffer.from(encoded)))).toEqual(withoutZeroSigns(value));
      }),
      { numRuns: endurance ? 5000 : 300 },
    );
  }, 300_000);

  it('refuses bytes that are no UTF-8 rather than replace them', () => {
    expect(() => json().decode(Buffer.from('22c328' + '22', 'hex'))).toThrow(UndecodableError);
  });
});

function withoutZeroSigns(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
