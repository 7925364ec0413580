import { deepStrictEqual } from 'node:assert';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { structured } from '../../src/codec/structured.js';
import { codecContract } from '../../src/testing/codec-contract.js';
import { UndecodableError, UnencodableValueError } from '../../src/value/errors.js';

const endurance = process.env['ENDURANCE'] === '1';

class Money {
  constructor(readonly cents: number) {}
}
class Secretive {
  #cents = 5;
  spent(): number {
    return this.#cents++;
  }
}
class Empty {}
class SpecialMap extends Map {}
class SpecialDate extends Date {}
class SpecialBytes extends Uint8Array {}

const cycle = new Map<string, unknown>();
cycle.set('self', cycle);

codecContract<unknown>(
  { describe, it },
  {
    make: () => structured(),
    values: [
      null,
      false,
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      '',
      '\ud800',
      0n,
      -123456789012345678901234567890n,
      new Date(0),
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1n, undefined, [new Map()]])],
        [NaN, -0],
      ]),
      new Set(),
      { missing: undefined, nested: [undefined, { at: new Date(1) }] },
      Buffer.from('bytes'),
      new Uint8Array([1, 2]),
      new Float64Array([NaN, 1.5]),
      new BigInt64Array([-1n]),
      new Uint8ClampedArray(3),
      new ArrayBuffer(5),
      new DataView(new ArrayBuffer(2)),
      Object.assign(Object.create(null), { bare: 1 }),
      { $: 1 },
      { $: ['map'] },
      { a: { $: ['undefined'], b: 1 } },
      JSON.parse('{"__proto__":{"polluted":1},"constructor":{}}'),
    ],
    refused: [
      undefined,
      Symbol('s'),
      () => 1,
      { deep: [() => 1] },
      new Money(1),
      new SpecialMap(),
      new SpecialDate(),
      new SpecialBytes(1),
      new SharedArrayBuffer(2),
      new Uint8Array(new SharedArrayBuffer(2)),
      /a/,
      new Error('e'),
      new WeakMap(),
      Promise.resolve(),
      Object('boxed'),
      Object(1n),
      new Array(2),
      Object.assign([1], { named: 1 }),
      // As many names as items: one for each hole.
      Object.assign(new Array(2), { 0: 1, named: 1 }),
      Object.assign(new Array(2), { 0: 1, '-1': 1 }),
      Object.assign(new Map(), { named: 1 }),
      { [Symbol('s')]: 1 },
      cycle,
    ],
    undecodable: [
      '',
      '{',
      '{"$":1}',
      '{"$":["toString"]}',
      '{"$":["__proto__"]}',
      '{"$":["map"],"more":1}',
      '{"$":["map",1]}',
      '{"$":["map",[1]]}',
      '{"$":["map",[1,2,3]]}',
      '{"$":["date"]}',
      '{"$":["date","now"]}',
      '{"$":["date",8640000000000001]}',
      '{"$":["date",1.5]}',
      '{"$":["bigint",1]}',
      '{"$":["bigint","0x1"]}',
      '{"$":["bigint"," 1"]}',
      '{"$":["bigint",""]}',
      '{"$":["number","1"]}',
      '{"$":["undefined",1]}',
      '{"$":["bytes","Buffer","@@"]}',
      '{"$":["bytes","Uint16Array","AAAA"]}',
      '{"$":["bytes","constructor","AA=="]}',
      '{"$":["bytes","Buffer"]}',
      '{"$":["bare",[]]}',
      '{"$":["object",null]}',
    ].map((stored) => Buffer.from(stored)),
    mutate(value) {
      if (value instanceof Map) value.set('added', 1);
      else if (value instanceof Set) value.add('added');
      else if (ArrayBuffer.isView(value)) Buffer.from(value.buffer, value.byteOffset, value.byteLength).fill(9);
      else if (typeof value === 'object' && value !== null) (value as Record<string, unknown>)['added'] = 1;
    },
  },
);

describe('structured', () => {
  const roundTrip = (value: unknown): unknown => structured().decode(Buffer.from(structured().encode(value)));

  it('refuses an instance without properties of its own also where instances are plain: private fields may hold all', () => {
    const plain = structured({ instances: 'plain' });
    for (const value of [
      new URL('https://a/b'),
      new URLSearchParams('a=1'),
      new Headers({ a: '1' }),
      new Intl.NumberFormat('en'),
      new Secretive(),
      new Empty(),
    ]) {
      expect(() => plain.encode({ value })).toThrow(/\$\.value: an instance of .* would not come back as one/);
    }
    for (const codec of [structured(), plain]) {
      expect(() => codec.encode({ link: new URL('https://a/b') })).toThrow(/Store its href\.$/);
      expect(() => codec.encode(new Secretive())).toThrow(/Convert it to plain data first\.$/);
    }
    const kept = { empty: {}, bare: Object.create(null) as object, money: new Money(1), list: [] };
    expect(plain.decode(Buffer.from(plain.encode(kept)))).toEqual({
      empty: {},
      bare: {},
      money: { cents: 1 },
      list: [],
    });
  });

  it('is JSON with tags', () => {
    const value = {
      m: new Map([['k', new Date(5)]]),
      s: new Set([1n]),
      n: NaN,
      z: -0,
      u: undefined,
      b: Buffer.from('hi'),
      $: 1,
    };
    expect(Buffer.from(structured().encode(value)).toString()).toBe(
      '{"$":["object",{"m":{"$":["map",["k",{"$":["date",5]}]]},"s":{"$":["set",{"$":["bigint","1"]}]},"n":{"$":["number","NaN"]},' +
        '"z":{"$":["number","-0"]},"u":{"$":["undefined"]},"b":{"$":["bytes","Buffer","aGk="]},"$":1}]}',
    );
    expect(Buffer.from(structured().encode([new Uint8Array([255]), null, Object.create(null)])).toString()).toBe(
      '[{"$":["bytes","Uint8Array","/w=="]},null,{"$":["bare",{}]}]',
    );
  });

  it('gives back a date that is invalid as one', () => {
    const decoded = structured().decode(Buffer.from(structured().encode(new Map([['$', new Date(NaN)]]))));
    const date = (decoded as Map<string, unknown>).get('$');
    expect([date instanceof Date, String(date)]).toEqual([true, 'Invalid Date']);
  });

  it('gives back any data, or refuses it', () => {
    const anything = fc.anything({
      // Two dates that are invalid are never equal to Node: they have a test of their own.
      values: [
        ...[fc.boolean(), fc.maxSafeInteger(), fc.double(), fc.string({ unit: 'binary' })],
        ...[fc.constant(null), fc.constant(undefined), fc.date({ noInvalidDate: true })],
      ],
      withBigInt: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      key: fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'constructor', 'toJSON')),
    });
    let carried = 0;
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: Uint8Array;
        try {
          encoded = structured().encode(value);
        } catch (error) {
          expect(error).toBeInstanceOf(UnencodableValueError);
          return;
        }
        carried++;
        deepStrictEqual(structured().decode(Buffer.from(encoded)), value);
      }),
      { numRuns: endurance ? 5000 : 300 },
    );
    expect(carried).toBeGreaterThan(100);
  }, 300_000);

  it('reads any JSON as something, or refuses it', () => {
    const tag = fc.constantFrom(
      'map',
      'set',
      'date',
      'bigint',
      'number',
      'undefined',
      'bytes',
      'bare',
      'object',
      'other',
    );
    const tagged = fc
      .tuple(tag, fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }))
      .map(([name, content]) => ({ $: [name, ...content] }));
    fc.assert(
      fc.property(fc.oneof(tagged, fc.array(tagged), fc.jsonValue()), (stored) => {
        try {
          structured().decode(Buffer.from(JSON.stringify(stored)));
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('carries many entries, and refuses depth in both directions', () => {
    const many = new Map(Array.from({ length: 200_000 }, (_, index) => [index, index]));
    expect([...(roundTrip(many) as typeof many)].flat().join()).toBe([...many].flat().join());
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() => structured().encode(deep)).toThrow(/nested too deeply/);
    const hostile = Buffer.from('['.repeat(200_000) + ']'.repeat(200_000));
    expect(() => structured().decode(hostile)).toThrow(UndecodableError);
  });

  it('carries a date that is none', () => {
    expect((roundTrip(new Date(NaN)) as Date).getTime()).toBeNaN();
  });

  it('names the place within what it refuses', () => {
    expect(() => structured().encode({ a: new Map([['k', [() => 1]]]) })).toThrow('$.a[0][0]');
  });

  it('takes data of another realm', () => {
    expect(roundTrip(runInNewContext('({ m: new Map([[1, new Date(3)]]) })'))).toEqual({
      m: new Map([[1, new Date(3)]]),
    });
  });

  it('gives bytes that share memory with nothing', () => {
    const whole = Buffer.from('0123456789');
    const read = roundTrip(whole.subarray(2, 4)) as Buffer;
    expect(read.toString()).toBe('23');
    const view = roundTrip(new Uint8Array(whole.buffer, whole.byteOffset, 2)) as Uint8Array;
    expect(view.buffer.byteLength).toBe(2);
  });
});
