import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Catalogue } from '../../src/catalogue/catalogue.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { defineObject } from '../../src/catalogue/define-object.js';
import { hint, instantPart, randomPart } from '../../src/catalogue/object-parts.js';
import type { ObjectParameterSpec } from '../../src/catalogue/object-parts.js';
import { InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';
import { systemClock } from '../../src/value/clock.js';

const exports = defineObject('images/exports/{uid}/{random}.{format}', {
  holds: 'an exported image',
  params: { random: randomPart(), format: { values: ['png', 'webp'] } },
  contentType: ({ format }) => `image/${format}`,
  maxBytes: '50mb',
  cache: 'files:{uid}',
});
const audio = defineObject('audio/{content_uid}/mp4/{bitrate}/{random}.mp4', {
  params: { content_uid: hint({ matches: /^cf_/ }), bitrate: 'number', random: randomPart() },
});
const backups = defineObject('backup/{reason}-{at}.bak', { params: { at: instantPart('unix') }, immutable: true });
const dropped = defineObject('dropped_{at}.txt', { params: { at: instantPart('isoformat') } });
const named = defineObject('videos/{uid}/{name}');

const atTime = (now: number) => ({ ...systemClock, now: () => now });

describe('An object class', () => {
  it('makes another key each time, of 128 random bits', () => {
    const keys = new Set(Array.from({ length: 100 }, () => exports.mint({ uid: 'u1', format: 'webp' })));
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^images\/exports\/u1\/[\w-]{22}\.webp$/);
  });

  it('writes instants as their readers expect them', () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(backups.mint({ reason: 'migration' }, atTime(now + 999))).toBe('backup/migration-1767323045.bak');
    expect(dropped.mint({}, atTime(now))).toBe('dropped_2026-01-02T03:04:05.txt');
    expect(dropped.mint({}, atTime(now + 60))).toBe('dropped_2026-01-02T03:04:05.060000.txt');
    expect(dropped.parse('dropped_2026-01-02T03:04:05.060000.txt')?.parameters.at.getTime()).toBe(now + 60);
  });

  it('reads back what its keys say, hints apart', () => {
    const key = audio.mint({ content_uid: 'cf_1', bitrate: 128 });
    expect(audio.parse(key)).toEqual({
      parameters: { bitrate: 128, random: expect.stringMatching(/^[\w-]{22}$/) as unknown },
      hints: { content_uid: 'cf_1' },
    });
  });

  it.each([
    'audio/cf_1/mp4/128/abc.mp3',
    'audio/cf_1/mp4/0128/abc.mp4',
    'audio/cf_1/mp4/x/abc.mp4',
    'audio/other_1/mp4/128/abc.mp4',
    'audio/cf_1/mp4/128/a.b.mp4',
    'audio/cf_1/mp4/128/.mp4',
    'audio/cf_1/mp4/128/abc.mp4/more',
    '/audio/cf_1/mp4/128/abc.mp4',
    'audio/cf_1/mp4/128',
  ])('does not take %s for one of its own', (key) => {
    expect(audio.parse(key)).toBeUndefined();
  });

  it('reads back every name that it makes a key of, and no two names make one key', () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
    const made = (uid: string, text: string): string | undefined => {
      try {
        return named.mint({ uid, name: text });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidKeyError);
        return undefined;
      }
    };
    fc.assert(
      fc.property(name, name, name, (uid, one, other) => {
        const key = made(uid, one);
        if (key !== undefined) expect(named.parse(key)?.parameters).toEqual({ uid, name: one });
        if (key !== undefined && one !== other) expect(made(uid, other)).not.toBe(key);
      }),
    );
  });

  it.each(['', '.', '..', 'a/b', '../b', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(1100)])(
    'refuses the hostile name %j',
    (name) => {
      expect(() => named.mint({ uid: 'u', name })).toThrow(InvalidKeyError);
      expect(() => named.mint({ uid: name, name: 'n' })).toThrow(InvalidKeyError);
    },
  );

  it('refuses what would make a key ambiguous, what is missing, and what put makes', () => {
    expect(() => exports.mint({ uid: 'u', format: 'gif' as 'png' })).toThrow(/listed values/);
    expect(() => exports.mint({ format: 'png' } as never)).toThrow(/is missing/);
    expect(() => exports.mint({ uid: 'u', format: 'png', random: 'mine' } as never)).toThrow(/is made by put/);
  });

  it('lets a parameter hold what ends it, where nothing behind it can', () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5);
    const key = 'backup/before-migration-1767323045.bak';
    expect(backups.mint({ reason: 'before-migration' }, atTime(now))).toBe(key);
    expect(backups.parse(key)?.parameters).toEqual({ reason: 'before-migration', at: new Date(now) });
    const pictures = defineObject('{name}_{width}x{height}.{format}.gz', {
      params: { width: 'number', height: { type: 'bigint', none: 'any' }, format: { values: ['png', 'tar', 'x.y'] } },
    });
    const photos = defineObject('{uid}-{name}.{format}', { params: { format: { values: ['png', 'jpeg'] } } });
    const few = fc
      .array(fc.constantFrom('_', 'x', '.', '.gz', 'png', '1'), { minLength: 1, maxLength: 4 })
      .map((pieces) => pieces.join(''));
    const format = fc.constantFrom('png' as const, 'jpeg' as const);
    fc.assert(
      fc.property(few, few, format, fc.double({ noNaN: true, noDefaultInfinity: true }), (uid, name, form, width) => {
        const given = { name, width: width + 0, height: 2n, format: 'x.y' as const };
        expect(pictures.parse(pictures.mint({ ...given, height: 2n }))?.parameters).toEqual(given);
        const photo = { uid, name: `${name}-${uid}`, format: form };
        expect(photos.parse(photos.mint(photo))?.parameters).toEqual(photo);
      }),
    );
  });

  it.each<[string, ObjectParameterSpec, string]>([
    ['any text', 'string', 'b'],
    ['an expression', { matches: /^b$/ }, 'b'],
    ['a number', 'number', '5'],
    ['a listed value with it', { values: ['b', 'b-c'] }, 'b'],
    ['a text for "none" with it', { values: ['b'], none: 'no-b' }, 'b'],
    ['random bits', randomPart(), ''],
    ['an instant with it', instantPart('isoformat'), ''],
  ])('refuses what ends a parameter within it, where %s stands behind', (_, b, given) => {
    const pair = defineObject('pairs/{a}-{b}', { params: { b } as never });
    const parameters = (a: string) => ({ a, ...(given !== '' && { b: b === 'number' ? Number(given) : given }) });
    expect(() => pair.mint(parameters('a-a') as never)).toThrow(/ends it there/);
    expect(pair.parse(pair.mint(parameters('a') as never))?.parameters).toMatchObject(parameters('a'));
  });

  it('has prefixes of its first parameters, and none of hints', () => {
    expect(exports.prefix()).toBe('images/exports/');
    expect(exports.prefix({ uid: 'u1' })).toBe('images/exports/u1/');
    expect(backups.prefix()).toBe('backup/');
    expect(dropped.prefix()).toBe('dropped_');
    expect(() => exports.prefix({ format: 'png' })).toThrow(/stands behind/);
    expect(audio.prefix()).toBe('audio/');
    // @ts-expect-error objects can't be listed by a hint
    expect(() => audio.prefix({ content_uid: 'cf_1' })).toThrow(/is a hint/);
    // @ts-expect-error there is no such parameter
    expect(() => exports.prefix({ user: 'u1' })).toThrow(/none of the pattern/);
  });

  it('says its rules', () => {
    expect(exports.rules).toEqual({ maxBytes: 50_000_000, immutable: true, cache: 'files:{uid}', secret: false });
    expect(named.rules).toEqual({ maxBytes: Infinity, immutable: false, cache: false, secret: false });
    expect(exports.contentType({ uid: 'u', format: 'png' })).toBe('image/png');
    expect(exports.describe()).toMatchObject({ kind: 'object', contentType: 'image/{format}', maxBytes: 50_000_000 });
  });

  it.each<[string, () => unknown, unknown]>([
    ['a pattern with an empty segment', () => defineObject('a//{b}'), InvalidKeyError],
    ['a pattern with a step upwards', () => defineObject('a/../{b}'), InvalidKeyError],
    ['a parameter that is no name', () => defineObject('a/{target bitrate}'), InvalidKeyError],
    [
      'a parameter that is not there',
      () => defineObject('a/{b}', { params: { c: 'number' } as never }),
      InvalidKeyError,
    ],
    ['a secret in the file cache', () => defineObject('a/{b}', { secret: true, cache: 'x:{b}' }), InvalidOptionError],
    ['a limit that is none', () => defineObject('a/{b}', { maxBytes: '5 mbit' as '5mb' }), InvalidOptionError],
    ['an option that is none', () => defineObject('a/{b}', { contenttype: 'x' } as never), InvalidOptionError],
    ['an instant of another format', () => instantPart('iso' as 'unix'), InvalidOptionError],
  ])('refuses %s', (_, make, error) => {
    expect(make).toThrow(error);
  });
});

describe('A catalogue of objects', () => {
  it('finds patterns that can make one key, where text meets text', () => {
    const [segments, originals] = [
      defineObject('audio/{uid}/hls/{name}.ts'),
      defineObject('audio/originals/{uid}/{name}'),
    ];
    expect(() => new Catalogue([segments, originals])).toThrow(/audio\/originals.+audio\/\{uid\}/);
    const prefixed = defineObject('audio/{uid}/hls/{name}.ts', { params: { uid: { matches: /^cf_/ } } });
    expect(() => new Catalogue([prefixed, originals])).not.toThrow();
    const params = { random: randomPart() };
    const ofRandom = [
      defineObject('audio/{uid}/hls/{random}.ts', { params }),
      defineObject('audio/originals/{uid}/{random}', { params }),
    ];
    expect(() => new Catalogue(ofRandom)).not.toThrow();
    expect(() => new Catalogue([defineObject('a/{n}', { params: { n: 'number' } }), defineObject('a/17')])).toThrow();
    expect(() => new Catalogue([exports, exports])).toThrow(InvalidOptionError);
  });

  it('prints them behind the keys', () => {
    const catalogue = new Catalogue([
      audio,
      defineKey('a:{b}', { holds: 'a' }),
      defineObject('keys/{uid}', { secret: true }),
    ]);
    expect(catalogue.size).toBe(3);
    const markdown = catalogue.toMarkdown();
    expect(markdown).toContain('1 key class and 2 object classes.');
    expect(markdown).toContain(
      '- parameter `content_uid`: a string that matches `/^cf_/`; a hint, which may not match',
    );
    expect(markdown).toContain('- parameter `random`: 128 random bits');
    expect(markdown).toContain('- a secret: no links, never to be cached');
    expect(catalogue.toJSON().map(({ pattern }) => pattern)).toEqual(['a:{b}', audio.pattern, 'keys/{uid}']);
  });
});
