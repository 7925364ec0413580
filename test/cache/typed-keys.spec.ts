import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { KeyOf } from '../../src/cache/key-of.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import type { CatalogueKey } from '../../src/catalogue/catalogue-key.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { EntryOptions } from '../../src/catalogue/entry-options.js';
import { bytes } from '../../src/codec/bytes.js';
import { flag } from '../../src/codec/flag.js';
import { json } from '../../src/codec/json.js';
import type { BulkLoader } from '../../src/load/bulk-loader.js';
import type { Lookup } from '../../src/value/lookup.js';
import { buildCache } from '../support/build-cache.js';

interface Course {
  readonly title: string;
}

interface Price {
  readonly cents: number;
}

const courseOf = defineKey('course:{slug}', { codec: json<Course>() });
const priceOf = defineKey('price:{slug}', { codec: json<Price>() });
const untypedOf = defineKey('untyped:{slug}', {});
const course: Course = { title: 'Greek' };

/** Every value, in their order. */
const valuesOf = <V>(found: readonly Lookup<V>[]): (V | undefined)[] =>
  found.map((one) => (one.hit ? one.value : undefined));

describe('The types say', () => {
  let cache: TieredCache;
  beforeEach(async () => {
    cache = await buildCache();
    await cache.set(courseOf({ slug: 'a' }), course);
    await cache.set(priceOf({ slug: 'a' }), { cents: 5 });
    await cache.set('plain', 7);
  });
  afterEach(() => cache.close());

  it('of each look-up of many what its own key holds', async () => {
    const [a, price, plain] = await cache.getMany([courseOf({ slug: 'a' }), priceOf({ slug: 'a' }), 'plain']);
    if (!a.hit || !price.hit || !plain.hit) throw new Error('missed');
    const title: string = a.value.title;
    const cents: number = price.value.cents;
    // @ts-expect-error the second key holds a price
    const none: unknown = price.value.title;
    // @ts-expect-error the third key does not say what it holds
    const number: number = plain.value;
    expect([title, cents, none, number]).toEqual(['Greek', 5, undefined, 7]);
  });

  it('of many look-ups what the caller says, where the keys do not', async () => {
    const numbers: Lookup<number>[] = await cache.getMany(['plain', 'none']);
    const courses: Lookup<Course>[] = await cache.getMany(['a', 'none'].map((slug) => courseOf({ slug })));
    const untyped = await cache.getMany<number>(['plain', untypedOf({ slug: 'a' })]);
    const sum: number = valuesOf(untyped).reduce<number>((total, value) => total + (value ?? 0), 0);
    expect([valuesOf(numbers), valuesOf(courses), sum]).toEqual([[7, undefined], [course, undefined], 7]);
  });

  it('of a value what its key, its loader and its codec say, whatever its options are annotated with', async () => {
    const hour: EntryOptions = { ttl: '1h' };
    const { title }: Course = await cache.getOrSet('loaded', async () => course, hour);
    const cents: number = (await cache.refresh(priceOf({ slug: 'a' }), () => ({ cents: 6 }), hour)).cents;
    const text: Buffer = await cache.setIfAbsent('bytes', Buffer.from('a'), { codec: bytes(), ttl: '1h' });
    expect([title, cents, String(text)]).toEqual(['Greek', 6, 'a']);
    const key = courseOf({ slug: 'b' });
    const refused = [
      // @ts-expect-error the key holds courses
      () => cache.getOrSet(key, async () => 5, hour),
      // @ts-expect-error the key holds courses
      () => cache.refresh(key, async () => 5, hour),
      // @ts-expect-error the key holds courses
      () => cache.set(key, 5, hour),
      // @ts-expect-error the key holds courses
      () => cache.setIfAbsent(key, 5, hour),
      // @ts-expect-error the key holds courses
      () => cache.setMany([[key, 5, hour]]),
      // @ts-expect-error the key holds courses
      () => cache.update(key, () => 5, hour),
      // @ts-expect-error the codec carries no texts
      () => cache.set('plain', 'text', { codec: flag() }),
    ];
    expect(refused).toHaveLength(7);
  });

  it('of what a loader gives for a key that it is all that the key holds', async () => {
    const full = defineKey('full:{slug}', { codec: json<Course & { readonly level: 'low' | 'high' }>() })({
      slug: 'a',
    });
    const level = defineKey('level:{slug}', { codec: json<'low' | 'high'>() })({ slug: 'a' });
    const refused = [
      // @ts-expect-error the level is missing
      () => cache.getOrSet(full, async () => course),
      // @ts-expect-error the level is missing
      () => cache.getOrSet(full, () => ({ title: 'Greek' }), { ttl: '1h' }),
      // @ts-expect-error the level is missing
      () => cache.getOrSet(full, async () => (course.title === '' ? undefined : course)),
      // @ts-expect-error the level is missing
      () => cache.refresh(full, async ({ stale }) => stale ?? course),
      // @ts-expect-error the level is missing
      () => cache.update(full, () => ({ title: 'Greek' })),
      // @ts-expect-error the key holds no numbers
      () => cache.getOrSet(level, async () => 5),
    ];
    expect(refused).toHaveLength(6);
    const loaded = await cache.getOrSet(full, async () => ({ title: 'Greek', level: 'low' }));
    const given: 'low' | 'high' = loaded.level;
    const updated: 'low' | 'high' = (await cache.update(full, () => ({ title: 'Greek', level: 'high' }))).level;
    const text: string = await cache.getOrSet(level, async () => 'low');
    const none = await cache.refresh(full, async () => null, { negative: { ttl: '1m' } });
    // @ts-expect-error it may be null
    const title = () => none.title;
    expect([given, updated, text, none, title]).toEqual(['low', 'high', 'low', null, expect.any(Function)]);
  });

  it('of a loader that may give none that there may be none, and of any other that there is a value', async () => {
    const key = courseOf({ slug: 'none' });
    const find = async (): Promise<Course | undefined> => undefined;
    const none: unknown[] = [
      await cache.getOrSet(key, find),
      await cache.getOrSet('none', find, { cacheIf: (found) => found.title !== '' }),
      await cache.refresh(key, find),
      await cache.getOrSet<Course>('none', find),
    ];
    expect(none).toEqual([undefined, undefined, undefined, undefined]);
    // @ts-expect-error there may be none
    const ofKey: Course = await cache.getOrSet(key, find);
    // @ts-expect-error there may be none
    const ofPlainKey: Course = await cache.getOrSet('none', find);
    // @ts-expect-error there may be none
    const refreshed: Course = await cache.refresh(key, find);
    expect([ofKey, ofPlainKey, refreshed]).toEqual([undefined, undefined, undefined]);
    const made: Course = await cache.getOrSet(key, ({ stale }) => stale ?? course);
    const { title } = await cache.refresh(key, async () => made);
    expect(title).toBe('Greek');
  });

  it('of what is loaded for many keys what they hold, and that it may be null where a key that is left out is', async () => {
    const key = courseOf({ slug: 'c' });
    const [loaded] = await cache.getOrSetMany([key], (keys) => keys.map((one) => [one, course] as const));
    const title: string | undefined = loaded?.title;
    const untyped = untypedOf({ slug: 'c' });
    const numbers: (number | undefined)[] = await cache.getOrSetMany([untyped], (keys) => keys.map((one) => [one, 5]));
    expect([title, numbers]).toEqual(['Greek', [5]]);
    // @ts-expect-error the key holds courses
    const wrong = () => cache.getOrSetMany([key], (keys) => keys.map((one) => [one, 5] as const));
    expect(wrong).toBeInstanceOf(Function);

    const none = async () => new Map<string, Course>();
    const negative = { ttl: '1m', when: ({ title: given }: Course) => given === '' } as const;
    // @ts-expect-error it is null
    const nulls: (Course | undefined)[] = await cache.getOrSetMany(['d'], none, { negative: { ttl: '1m' } });
    const judged: (Course | undefined)[] = await cache.getOrSetMany(['e'], none, { negative });
    const isHot = nulls.length > 0;
    // @ts-expect-error it is null
    const ofHot: (Course | undefined)[] = await cache.getOrSetMany(['d'], none, {
      negative: isHot ? { ttl: '1m' } : undefined,
    });
    expect([nulls, judged, ofHot]).toEqual([[null], [undefined], [null]]);
  });

  it('of what is loaded for many keys what the loader gives, whatever the options are annotated with', async () => {
    const hour: EntryOptions = { ttl: '1h' };
    const none = async () => new Map<string, Course>();
    const found: (Course | undefined)[] = await cache.getOrSetMany(['f'], none, hour);
    const nulls: (Course | null | undefined)[] = await cache.getOrSetMany(['g'], none, {
      ...hour,
      negative: { ttl: '1m' },
    });
    expect([found, nulls]).toEqual([[undefined], [null]]);
    const untyped: (Course | undefined)[] = await cache.getOrSetMany(['h'], none, { codec: json() });
    const texts: (Buffer | undefined)[] = await cache.getOrSetMany(
      ['i'],
      (keys) => keys.map((one) => [one, Buffer.from(one)]),
      { ...hour, codec: bytes() },
    );
    expect([untyped, texts.map(String)]).toEqual([[undefined], ['i']]);
    // @ts-expect-error the key holds courses
    const wrong = () => cache.getOrSetMany([courseOf({ slug: 'f' })], (keys) => keys.map((one) => [one, 5]), hour);
    expect(wrong).toBeInstanceOf(Function);
  });

  it('of what a function loads for many keys what it is generic in, where that is the value and not its keys', async () => {
    const many = <T>(keys: readonly KeyOf<T>[], load: BulkLoader<T>): Promise<(T | undefined)[]> =>
      cache.getOrSetMany(keys, load);
    const ofClass = <T>(keys: readonly CatalogueKey<T>[], load: BulkLoader<T, CatalogueKey<T>>) =>
      cache.getOrSetMany(keys, load);
    const [plain] = await many(['j'], () => [['j', course]]);
    const [ofKey] = await ofClass([courseOf({ slug: 'j' })], (keys) => keys.map((one) => [one, course]));
    expect([plain?.title, ofKey?.title]).toEqual(['Greek', 'Greek']);
    const refused = [
      // @ts-expect-error what such keys hold is not known yet
      <T, K extends KeyOf<T>>(keys: readonly K[], load: BulkLoader<T, K>) => cache.getOrSetMany(keys, load),
      <K extends CatalogueKey<Course>>(keys: readonly K[], load: BulkLoader<Course, K>) =>
        // @ts-expect-error what such keys hold is not known yet
        cache.getOrSetMany(keys, load),
    ];
    expect(refused).toHaveLength(2);
  });
});
