import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytes } from '../../src/codec/bytes.js';
import { flag } from '../../src/codec/flag.js';
import { json } from '../../src/codec/json.js';
import type { StandardSchemaV1 } from '../../src/codec/standard-schema.js';
import { CatalogueKey } from '../../src/catalogue/catalogue-key.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { defineObject } from '../../src/catalogue/define-object.js';
import type { KeyDefinition } from '../../src/catalogue/key-class.js';
import type { ParameterSpec } from '../../src/catalogue/key-parameters.js';
import { resolveInstants } from '../../src/catalogue/instants.js';
import { untilInvalidated } from '../../src/catalogue/lives/until.js';
import { untilEndOfDay } from '../../src/catalogue/lives/until-end-of-day.js';
import { Key, toKey, versionedKey } from '../../src/key/key.js';
import type { KeyPart } from '../../src/key/key-part.js';
import {
  InvalidDurationError,
  InvalidKeyError,
  InvalidOptionError,
  UndecodableError,
  UnencodableValueError,
} from '../../src/value/errors.js';
import { anyText } from '../key/arbitrary-parts.js';
import { buildCache } from '../support/build-cache.js';

const contentMetadata = defineKey('content_metadata:{customerUuid}:{contentKey}', {});
const thumbhash = defineKey('thumbhashes:{uid}:{width}x{height}', { params: { width: 'number', height: 'number' } });
const chart = defineKey('chart:{start_unix_date}:{end_unix_date}', {
  params: { start_unix_date: { type: 'number', none: 'None' }, end_unix_date: 'number' },
});
const homeScreen = defineKey('home:{date}:{has_pro}:{platform}', {
  params: { has_pro: 'boolean', platform: { values: ['ios', 'android'], none: 'None' } },
});
const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('a key class', () => {
  it('makes the keys that versionedKey makes of the same parts', () => {
    fc.assert(
      fc.property(anyText, anyText, (customerUuid, contentKey) => {
        const key = contentMetadata({ customerUuid, contentKey });
        const plain = versionedKey('content_metadata', customerUuid, contentKey);
        expect([key.text, key.id, key.parts]).toEqual([plain.text, plain.id, plain.parts]);
      }),
    );
    expect(thumbhash({ uid: 'u', width: 100, height: 200.5 }).parts).toEqual(['thumbhashes', 'u', '100x200.5']);
    expect(chart({ end_unix_date: 20_000 }).parts).toEqual(['chart', 'None', 20_000]);
    expect(chart({ start_unix_date: 1, end_unix_date: 2 }).text).toBe('chart:#1:#2');
    expect(homeScreen({ date: '2025-01-01', has_pro: true, platform: 'ios' }).parts).toEqual([
      'home',
      '2025-01-01',
      true,
      'ios',
    ]);
    expect(homeScreen({ date: 'd', has_pro: false, platform: null }).parts).toEqual(['home', 'd', false, 'None']);
  });

  it('without parameters makes one key', () => {
    const statistics = defineKey('emotion_content_statistics', {});
    expect(statistics().id).toBe('emotion_content_statistics');
    expect(statistics({}).text).toBe('emotion_content_statistics');
    expect(statistics().id).toBe(toKey('emotion_content_statistics').id);
  });

  it('escapes literals as text', () => {
    expect(defineKey('#1:!null:a b:{x}', {})({ x: '#1' }).text).toBe(versionedKey('#1', '!null', 'a b', '#1').text);
  });

  it('makes keys that say what they are, and can not be changed', () => {
    const given = { customerUuid: 'a', contentKey: 'b' };
    const key = contentMetadata(given);
    given.customerUuid = 'c';
    expect(key).toBeInstanceOf(Key);
    expect(key).toBeInstanceOf(CatalogueKey);
    expect(key.text).toBe('content_metadata:a:b');
    expect(key.keyClass).toBe(contentMetadata);
    expect(Object.isFrozen(contentMetadata)).toBe(true);
    expect(JSON.stringify(key)).toBe('[{"string":"content_metadata"},{"string":"a"},{"string":"b"}]');
  });

  it('types its parameters by the pattern', () => {
    const calls = [
      // @ts-expect-error a parameter is missing
      () => contentMetadata({ customerUuid: 'a' }),
      // @ts-expect-error none is given
      () => contentMetadata(),
      // @ts-expect-error not a string
      () => contentMetadata({ customerUuid: 'a', contentKey: 1 }),
      // @ts-expect-error not a number
      () => thumbhash({ uid: 'u', width: '100', height: 200 }),
      // @ts-expect-error required
      () => chart({ start_unix_date: 1 }),
      // @ts-expect-error not listed
      () => homeScreen({ date: 'd', has_pro: true, platform: 'web' }),
      // @ts-expect-error not a boolean
      () => homeScreen({ date: 'd', has_pro: 'True', platform: 'ios' }),
      // @ts-expect-error required, and null is no value
      () => homeScreen({ date: null, has_pro: true }),
    ];
    for (const call of calls) expect(call).toThrow(InvalidKeyError);
    // @ts-expect-error not a parameter of the pattern
    expect(() => defineKey('a:{b}', { params: { c: 'number' } })).toThrow(InvalidKeyError);
  });

  it('takes the type of its values from the codec, whatever its life is made for', () => {
    const flags = defineKey('f:{uid}', { codec: flag(), ttl: untilInvalidated(), cacheIf: (value) => value });
    const read: boolean | undefined = flags.options.codec?.decode(Buffer.from('1'));
    expect(read).toBe(true);
  });

  it.each([[NaN], [Infinity], [1n], ['1'], [undefined], [null], [{}]])('takes no number %p', (end_unix_date) => {
    expect(() => chart({ end_unix_date: end_unix_date as number })).toThrow(
      /parameter end_unix_date of the key pattern 'chart:\{start_unix_date\}:\{end_unix_date\}'/,
    );
  });

  it('takes neither half a character nor the text for "none", nor anything but an object', () => {
    expect(() => contentMetadata({ customerUuid: '\ud800', contentKey: '' })).toThrow(InvalidKeyError);
    const optional = defineKey('a:{b}', { params: { b: { none: 'None' } } });
    expect(() => optional({ b: 'None' })).toThrow(/stands for "none"/);
    expect(optional({ b: 'none' }).text).not.toBe(optional().text);
    expect(() => contentMetadata('a' as never)).toThrow(InvalidKeyError);
    expect(() => contentMetadata(null as never)).toThrow(InvalidKeyError);
    expect(() => defineKey('a:{toString}', {})({} as never)).toThrow(InvalidKeyError);
  });

  it.each<[ParameterSpec, KeyPart]>([
    [{ type: 'number', none: '0' }, -0],
    [{ type: 'boolean', none: 'false' }, false],
    [{ type: 'bigint', none: '1' }, 1n],
  ])('takes no value with the text for "none" where they would be one text: %j', (by, value) => {
    const mixed = defineKey('img:{by}px', { params: { by } });
    expect(() => mixed({ by: value as never })).toThrow(/parameter by .* stands for "none"/);
    expect(() => defineObject('img/{by}', { params: { by } }).mint({ by: value as never })).toThrow(
      /stands for "none"/,
    );
    const alone = defineKey('img:{by}', { params: { by } });
    expect(alone({ by: value as never }).text).not.toBe(alone({} as never).text);
  });

  it('takes only what matches its expression, each time', () => {
    const matching = defineKey('a:{b}', { params: { b: { matches: /^oseh_\w+$/g } } });
    for (let time = 0; time < 3; time++) expect(matching({ b: 'oseh_1' }).parts).toEqual(['a', 'oseh_1']);
    expect(() => matching({ b: 'meta' })).toThrow(InvalidKeyError);
  });

  describe('is injective', () => {
    const distinct = (make: (given: never) => Key, given: fc.Arbitrary<object>): void =>
      fc.assert(
        fc.property(given, given, (one, other) => {
          const keys = [one, other].map((each) => {
            try {
              return make(each as never).id;
            } catch (error) {
              expect(error).toBeInstanceOf(InvalidKeyError);
              return undefined;
            }
          });
          if (keys.includes(undefined)) return;
          expect(keys[0] === keys[1]).toBe(fc.stringify(normal(one)) === fc.stringify(normal(other)));
        }),
        { numRuns: 3000 },
      );
    const normal = (given: object): object =>
      Object.fromEntries(
        Object.entries(given).map(([name, value]) => [name, Object.is(value, -0) ? 0 : (value as unknown)]),
      );
    const few = fc
      .array(fc.constantFrom('x', 'a', 'xx', '-', '1', ''), { maxLength: 3 })
      .map((pieces) => pieces.join(''));

    it('with parameters of all types', () => {
      distinct(
        defineKey('k:{s}:{n}:{b}:{i}', { params: { n: { type: 'number', none: 'None' }, b: 'boolean', i: 'bigint' } }),
        fc.record({
          s: anyText,
          n: fc.oneof(anyNumber, fc.constant(undefined)),
          b: fc.boolean(),
          i: fc.bigInt({ min: -2n, max: 2n }),
        }),
      );
    });

    it('with numbers run together', () => {
      const small = fc.oneof(fc.integer({ min: -3, max: 30 }), anyNumber);
      distinct(thumbhash, fc.record({ uid: few, width: small, height: small }));
      distinct(defineKey('{a}-{b}', { params: { a: 'number', b: 'number' } }), fc.record({ a: small, b: small }));
    });

    it('with texts before what can not hold what ends them', () => {
      const params = { b: 'number', c: { type: 'boolean', none: 'a' }, d: { values: ['1', 'xx'] } } as const;
      const given = { a: few, b: anyNumber, c: fc.constantFrom(true, false, undefined), d: fc.constantFrom('1', 'xx') };
      for (const pattern of [
        '{a}x{b}',
        '{a}-{d}',
        '{a}x1{b}-{c}',
        'x{a}-{d}x{c}-',
        '{a}xx{d}',
        '{a}xx{b}',
        '{a}x1x{c}',
        '{a}x-x{b}',
        '{d}-{a}x{c}',
      ]) {
        const names = [...pattern.matchAll(/\{(\w)\}/g)].map(([, name]) => name as keyof typeof given);
        const pick = <T>(from: Record<string, T>): Record<string, T> =>
          Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name as never)));
        distinct(defineKey(pattern, { params: pick(params) as never }), fc.record(pick(given)));
      }
    });

    it.each(['{a}x{b}', '{a}xx{b}', '{a}x{b}-{c}', 'x{a}x{b}x', '{a}x1{b}', 'a{a}a'])(
      'with texts run together: %s',
      (pattern) => {
        const names = [...pattern.matchAll(/\{(\w)\}/g)].map(([, name]) => name as string);
        distinct(defineKey(pattern, {}), fc.record(Object.fromEntries(names.map((name) => [name, few]))));
      },
    );
  });

  it('lets a value hold what ends it, where nothing behind it can', () => {
    const photo = defineKey('{name}.{format}', { params: { format: { values: ['png', 'webp'] } } });
    expect(photo({ name: 'a.b', format: 'png' }).parts).toEqual(['a.b.png']);
  });

  it('refuses a value that would end its parameter early', () => {
    const pair = defineKey('{a}x{b}', {});
    expect(() => pair({ a: '1x', b: '2' })).toThrow(/holds 'x'/);
    expect(pair({ a: '1', b: 'x2x' }).text).toBe('1xx2x');
    const overlapping = defineKey('{a}xx{b}', {});
    expect(() => overlapping({ a: 'x', b: '' })).toThrow(InvalidKeyError);
    const before = defineKey('{a}t{b}', { params: { b: 'boolean' } });
    expect(() => before({ a: 'at', b: true })).toThrow(/holds 't'/);
  });

  it.each([
    ['', 'an empty segment'],
    ['a::b', 'an empty segment'],
    [':a', 'an empty segment'],
    ['a:', 'an empty segment'],
    ['a:{b', 'brace'],
    ['a:b}', 'brace'],
    ['a:{{b}}', 'brace'],
    ['a:{}', "name ''"],
    ['a:{b c}', "name 'b c'"],
    ['a:{1b}', "name '1b'"],
    ['a:{b-c}', "name 'b-c'"],
    ['a:{b:c}', 'brace'],
    ['a:{b}:{b}', 'twice'],
    ['a:{b}x{b}', 'twice'],
    ['a:{b}{c}', 'nothing between'],
    ['a:\ud800', 'surrogate'],
  ])('is not made of the pattern %p', (pattern, problem) => {
    expect(() => defineKey(pattern, {})).toThrow(InvalidKeyError);
    expect(() => defineKey(pattern, {})).toThrow(`'${pattern}'`);
    expect(() => defineKey(pattern, {})).toThrow(problem);
  });

  it.each<[string, object]>([
    ['an unknown type', { b: 'date' }],
    ['no values', { b: { values: [] } }],
    ['values that are no texts', { b: { type: 'number', values: ['1'] } }],
    ['an expression for numbers', { b: { type: 'number', matches: /1/ } }],
    ['an empty text for none', { b: { none: '' } }],
    ['a value for none', { b: { values: ['None'], none: 'None' } }],
  ])('is not made with %s', (_name, params) => {
    expect(() => defineKey('a:{b}', { params })).toThrow(InvalidKeyError);
  });

  it.each<[object, string]>([
    [{ b: 'int' }, "'a:{b}:{id}' is of the unknown type 'int'. Give 'string', 'number', 'boolean' or 'bigint'."],
    [{ b: { type: 'Number' } }, "unknown type 'Number'. Give 'string', 'number', 'boolean' or 'bigint'."],
    [{ b: { matchs: /x/ } }, "matchs: the parameter b of 'a:{b}:{id}' has no such option. Did you mean matches?"],
    [{ b: Number }, "the parameter b of 'a:{b}:{id}': the options are no object. Give { type, values, matches … }."],
    [{ ids: 'number' }, "'a:{b}:{id}' has no parameter ids, which params specifies. Did you mean id?"],
    [{ surplus: 'number' }, 'has no parameter surplus, which params specifies. It has b, id.'],
  ])('says what is wrong with a specification, and what would be right: %p', (params, said) => {
    expect(() => defineKey('a:{b}:{id}', { params })).toThrow(said);
    const ofObject = said.replaceAll('a:{b}:{id}', 'a/{b}/{id}');
    expect(() => defineObject('a/{b}/{id}', { params: params as never })).toThrow(ofObject);
    expect(() => defineKey('a', { params: { b: 'string' } as never })).toThrow('which params specifies. It has none.');
  });
});

describe('the options of a key', () => {
  it('are those of its class, and the codec', () => {
    const isPublic = defineKey('image_files:public:{uid}', {
      codec: flag(),
      ttl: '5m',
      staleFor: 10,
      tags: ['images'],
      holds: 'whether',
      owner: 'o',
      description: 'd',
    });
    const { options } = isPublic({ uid: 'u' });
    expect(options).toEqual({
      codec: expect.objectContaining({ name: 'flag' }) as unknown,
      ttl: '5m',
      staleFor: 10,
      tags: ['images'],
    });
    expect(options).toBe(isPublic({ uid: 'v' }).options);
    expect(options).toBe(isPublic.options);
    expect(Object.isFrozen(options) && Object.isFrozen(options.tags)).toBe(true);
    expect(defineKey('a', {})().options.codec?.name).toBe('json');
  });

  it('have the tags and the life that the parameters make', () => {
    const day = defineKey('daily:{unix_date}:{team}', {
      params: { unix_date: 'number' },
      ttl: untilEndOfDay({ zone: 'America/Los_Angeles', unixDate: 'unix_date' }),
      tags: ({ team, unix_date }) => [`team:${team}`, `day:${unix_date + 1}`],
    });
    const given = { unix_date: 20_156, team: 'a' };
    const key = day(given);
    given.unix_date = 0;
    expect(key.options.tags).toEqual(['team:a', 'day:20157']);
    const { freshUntil } = resolveInstants(key.options, null, Date.parse('2025-03-09T08:00:00Z'));
    expect(new Date(freshUntil).toISOString()).toBe('2025-03-10T07:00:00.000Z');
    expect(day({ unix_date: 20_157, team: 'b' }).options.tags).toEqual(['team:b', 'day:20158']);
  });

  it.each<[string, KeyDefinition<'a:{b}', Record<never, never>, unknown>, new (...args: never[]) => Error]>([
    ['an endless ttl', { ttl: Infinity }, InvalidDurationError],
    ['a negative ttl', { ttl: -1 }, InvalidDurationError],
    ['an unreadable ttl', { ttl: 'soon' as '5m' }, InvalidDurationError],
    ['an invalid date', { ttl: new Date(NaN) }, InvalidDurationError],
    ['a negative stale time', { staleFor: -1 }, InvalidDurationError],
    ['an endless negative ttl', { negative: { ttl: Infinity } }, InvalidDurationError],
    ['a jitter of 1', { jitter: 1 }, InvalidOptionError],
    ['frozen bytes', { codec: bytes(), isolation: 'freeze' }, InvalidOptionError],
    ['a validation without a schema', { validateOnRead: true }, InvalidOptionError],
    ['a life of another parameter', { ttl: untilEndOfDay({ zone: 'UTC', unixDate: 'c' }) }, InvalidKeyError],
  ])('are checked where they are defined: %s', (_name, definition, error) => {
    expect(() => defineKey('a:{b}', definition)).toThrow(error);
  });
});

describe('a schema', () => {
  interface Size {
    readonly bytes: number;
  }

  const schema = (check: (value: unknown) => StandardSchemaV1.Result<Size>): StandardSchemaV1<unknown, Size> => ({
    '~standard': { version: 1, vendor: 'by-hand', validate: check },
  });
  const size = schema((value) => {
    const given = (value as Partial<Size> | null)?.bytes;
    if (typeof given === 'number') return { value: { bytes: given } };
    return { issues: [{ message: `${JSON.stringify(value)} is wrong`, path: ['list', 0, { key: 'bytes' }] }] };
  });

  it('gives the type, and checks what is written', () => {
    const sizes = defineKey('sizes:{uid}', { schema: size });
    const { codec } = sizes({ uid: 'u' }).options;
    const encoded = Buffer.from(codec?.encode({ bytes: 5, extra: 1 } as Size) ?? []);
    expect(encoded.toString()).toBe('{"bytes":5}');
    const read: Size | undefined = codec?.decode(encoded);
    expect(read).toEqual({ bytes: 5 });
    expect(codec?.name).toBe('json');
    const secret = { bytes: 'hunter2' } as unknown as Size;
    expect(() => codec?.encode(secret)).toThrow(UnencodableValueError);
    expect(() => codec?.encode(secret)).toThrow('$.list[0].bytes');
    expect(() => codec?.encode(secret)).not.toThrow('hunter2');
  });

  it('makes a value that no longer fits undecodable, where that is asked for', () => {
    const old = Buffer.from('{"bytes":"5"}');
    const lax = defineKey('sizes:{uid}', { schema: size }).options.codec;
    const strict = defineKey('sizes:{uid}', { schema: size, validateOnRead: true }).options.codec;
    expect(lax?.decode(old)).toEqual({ bytes: '5' });
    expect(() => strict?.decode(old)).toThrow(UndecodableError);
    expect(strict?.decode(Buffer.from('{"bytes":5}'))).toEqual({ bytes: 5 });
  });

  it('may use another codec', () => {
    const metadata = defineKey('sizes:{uid}', { schema: size, codec: json<Size>({ instances: 'plain' }) });
    expect(metadata.options.codec?.name).toBe('json-plain');
  });

  it('must answer at once', async () => {
    const slow = defineKey('sizes:{uid}', { schema: schema((async () => Promise.reject(new Error('late'))) as never) });
    expect(() => slow.options.codec?.encode({ bytes: 1 })).toThrow(InvalidOptionError);
    await new Promise((resolve) => setImmediate(resolve));
  });
});

const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'by-hand', validate: (value) => ({ value }) },
};

it.each([{ name: 'own', encode: () => '', decode: () => 1 }, { ...json(), decode: undefined }, 'json', null])(
  '%#: what is no codec is refused by a typed error, wherever it is named',
  async (codec) => {
    const cache = await buildCache({ process: false });
    const refused = /codec: what was given is no codec. Give json\(\)/;
    expect(() => defineKey('own:{a}', { codec } as { codec: never })).toThrow(refused);
    expect(() => defineKey('own:{a}', { codec, schema: anything } as never)).toThrow(refused);
    await expect(cache.set('a', 1, { codec } as never)).rejects.toThrow(refused);
    await cache.close();
  },
);

it.each([undefined, '', 'caché', 'two\nlines', 'x'.repeat(101)])(
  '%#: a codec whose name can’t stand in an entry is refused before anything is loaded or stored',
  async (name) => {
    const cache = await buildCache({ process: false });
    const codec = { ...json<number>(), name: name as string };
    const refused = /codec: its name does not fit into an entry. Give it 1 to 100 characters of ASCII/;
    let loads = 0;
    expect(() => defineKey('own:{a}', { codec })).toThrow(refused);
    await expect(cache.set('a', 1, { codec })).rejects.toThrow(refused);
    await expect(cache.getOrSet('a', () => ++loads, { codec })).rejects.toThrow(refused);
    expect(loads).toBe(0);
    await cache.close();
  },
);
