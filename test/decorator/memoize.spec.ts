import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Memoize } from '../../src/decorator/memoize.js';
import { memoized } from '../../src/decorator/memoized.js';
import { mappedKey } from '../../src/decorator/method-key.js';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { loadSignal } from '../../src/load/flight.js';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { versionedKey } from '../../src/key/key.js';
import { InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';
import { cacheModule, start } from '../support/nest-application.js';

interface Course {
  readonly slug: string;
  readonly load: number;
}

const courseKey = defineKey('course:{customer}:{slug}', { params: { customer: 'number' }, ttl: '5m' });

@Injectable()
class Courses {
  loads = 0;
  prefix = 'c-';

  onFind: (() => Promise<Course>) | undefined = undefined;

  @Memoize({ ttl: '5m' })
  async find(slug: string): Promise<Course> {
    if (this.onFind) return this.onFind();
    return { slug: this.prefix + slug, load: ++this.loads };
  }

  @Memoize({ key: courseKey, args: (customer: number, slug: string) => ({ customer, slug }) })
  async ofCustomer(customer: number, slug: string, _trace?: object): Promise<Course> {
    return { slug: `${customer}/${slug}`, load: ++this.loads };
  }

  @Memoize({ args: (query: { slug: string; page: number }) => [query.slug, query.page] })
  async search(query: { slug: string; page: number }): Promise<Course> {
    return { slug: `${query.slug}${query.page}`, load: ++this.loads };
  }

  @Memoize({ tags: (slug: string) => [`course ${slug}`] })
  async tagged(slug: string): Promise<number> {
    return ++this.loads + slug.length * 0;
  }

  modifiedAt = new Date(1_000);
  @Memoize({ version: async function (this: Courses) { return this.modifiedAt } }) // prettier-ignore
  async versioned(): Promise<number> {
    return ++this.loads;
  }

  /** As the promises of an ORM, or of another realm, it is none of this realm's class. */
  @Memoize({ version(this: Courses) { return { then: (done: (version: Date) => unknown) => done(this.modifiedAt) } as never } }) // prettier-ignore
  async lateVersioned(): Promise<number> {
    return ++this.loads;
  }

  @Memoize({ maxLoad: 50 })
  async slow(): Promise<string> {
    const signal = loadSignal();
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject((this.stopped = signal.reason))));
  }
  stopped: unknown = undefined;

  @Memoize({ failureHold: 0 })
  async failing(): Promise<number> {
    throw new Error(`no ${++this.loads}`);
  }

  @Memoize()
  async loose(first?: string, second?: string): Promise<string> {
    return `${++this.loads} ${first} ${second}`;
  }

  @Invalidate({
    keys: (slug: string) => versionedKey('Courses', 'find', slug),
    byResult: ({ load }: Course, slug: string) => ({ keys: `ignored ${load}`, tags: [`course ${slug}`] }),
  })
  async rename(slug: string, fail = false): Promise<Course> {
    if (fail) throw new Error('not renamed');
    return { slug, load: 0 };
  }
}

const calling = (app: INestApplication) => {
  const courses = app.get(Courses);
  return {
    courses,
    cache: app.get(TieredCache),
    loose: courses.loose.bind(courses) as unknown as (...args: unknown[]) => Promise<string>,
  };
};

describe('@Memoize', () => {
  let app: INestApplication;
  afterEach(() => app?.close());
  const withCourses = async () => {
    app = await start({ imports: [cacheModule()], providers: [Courses] });
    return calling(app);
  };

  it('runs the method once for calls of the same arguments, with its own this', async () => {
    const { courses } = await withCourses();
    const calls = await Promise.all([courses.find('a'), courses.find('a'), courses.find('b')]);
    expect(calls.map(({ slug }) => slug)).toEqual(['c-a', 'c-a', 'c-b']);
    expect(await courses.find('a')).toBe(calls[0]);
    expect(courses.loads).toBe(2);
  });

  it('tells the method when its load is to stop', async () => {
    const { courses } = await withCourses();
    expect(loadSignal()).toBeUndefined();
    await expect(courses.slow()).rejects.toMatchObject({ code: 'LOAD_TIMEOUT' });
    expect(courses.stopped).toMatchObject({ code: 'LOAD_TIMEOUT' });
  });

  it('keeps name, length and metadata of the method', async () => {
    const { courses } = await withCourses();
    for (const holder of [Courses.prototype, courses] as Record<'find', Courses['find']>[]) {
      expect([holder.find.name, holder.find.length]).toEqual(['find', 1]);
    }
    expect(Object.keys(courses)).toEqual(['loads', 'prefix', 'onFind', 'modifiedAt', 'stopped']);
    expect(Object.getOwnPropertyDescriptor(courses, 'find')?.enumerable).toBe(false);
  });

  it('takes the key from a key class and a mapping, so that others know it', async () => {
    const { courses, cache } = await withCourses();
    const found = await courses.ofCustomer(7, 'a', { trace: true });
    expect(await cache.get(courseKey({ customer: 7, slug: 'a' }))).toEqual(found);
    expect(memoized(courses, 'ofCustomer').key(7, 'a').text).toBe('course:#7:a');
  });

  it('takes the parts of the key from a mapping', async () => {
    const { courses } = await withCourses();
    await courses.search({ slug: 'a', page: 1 });
    expect((await courses.search({ page: 1, slug: 'a' })).load).toBe(1);
    expect((await courses.search({ slug: 'a', page: 2 })).load).toBe(2);
    expect(memoized(courses, 'search').key({ slug: 'a', page: 2 }).text).toBe('Courses:search:a:#2');
  });

  it('never takes different arguments for the same call', async () => {
    const { loose } = await withCourses();
    const calls: unknown[][] = [
      ['1'],
      [1],
      ['1', ''],
      ['', '1'],
      [],
      [null],
      ['null'],
      [true],
      ['true'],
      [1n],
      ['a', 'b:c'],
      ['a:b', 'c'],
    ];
    const answers = new Set<string>();
    for (const args of calls) answers.add(await loose(...args));
    expect(answers.size).toBe(calls.length);
    expect(await loose('1', undefined)).toBe(await loose('1'));
  });

  it.each([
    ['an object', [{ slug: 'a' }], 'Argument 1 of Courses.loose is an object'],
    ['an array', ['a', []], 'Argument 2 of Courses.loose is an array'],
    ['NaN', [NaN], 'Argument 1 of Courses.loose is NaN'],
    ['a gap', [undefined, 'a'], 'Argument 1 of Courses.loose is undefined'],
    ['a function', [() => 1], 'Argument 1 of Courses.loose is a function'],
    ['a date', [new Date(0)], 'Argument 1 of Courses.loose is an object'],
    ['half a character', ['\ud800'], 'Courses.loose: A key part holds half of a surrogate pair'],
  ])('refuses %s at the call, and does not run the method', async (_name, args, message) => {
    const { loose, courses } = await withCourses();
    const refused = await loose(...args).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InvalidKeyError);
    expect(String(refused)).toContain(message);
    expect(courses.loads).toBe(0);
  });

  it.each<[string, unknown, string]>([
    ['undefined', { slug: 'a' }, 'Courses.search: part 2 that args gave is undefined'],
    ['an object', { slug: {}, page: 1 }, 'Courses.search: part 1 that args gave is an object'],
    ['half a character', { slug: '\ud800', page: 1 }, 'Courses.search: A key part holds half of a surrogate pair'],
  ])('refuses a mapping that gives %s, and names the method and the part', async (_name, query, message) => {
    const { courses } = await withCourses();
    const refused = await courses.search(query as never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InvalidKeyError);
    expect(String(refused)).toContain(message);
    expect(courses.loads).toBe(0);
  });

  it('refuses more parts than a key holds, however many', () => {
    const parts = Array.from({ length: 500_000 }, () => 1);
    expect(() => mappedKey('Courses', new Courses(), 'search', parts)).toThrow(
      /^Courses\.search: A key has \d+ encoded characters/,
    );
  });

  it('hands errors on, and keeps none beyond failureHold', async () => {
    const { courses } = await withCourses();
    await expect(courses.failing()).rejects.toThrow('no 1');
    await expect(courses.failing()).rejects.toThrow('no 2');
  });

  it('names the key and the method where a loaded value can not be kept', async () => {
    const { courses } = await withCourses();
    courses.onFind = async () => Object.assign(new Date(0), { slug: 'row', load: 1 });
    await expect(courses.find('row')).rejects.toThrow(/^Courses:find:row, loaded by Courses\.find: The json codec/);
  });

  it.each(['versioned', 'lateVersioned'] as const)(
    'asks for the version of the source, and replaces an entry of another one: %s',
    async (method) => {
      const { courses } = await withCourses();
      expect([await courses[method](), await courses[method]()]).toEqual([1, 1]);
      courses.modifiedAt = new Date(2_000);
      expect([await courses[method](), await courses[method]()]).toEqual([2, 2]);
    },
  );

  it('offers invalidate, refresh, peek and key on the method of the instance', async () => {
    const { courses, cache } = await withCourses();
    const find = memoized(courses, 'find');
    expect(find.peek('a')).toBeUndefined();
    expect((await find('a')).load).toBe(1);
    expect(find.peek('a')).toEqual({ slug: 'c-a', load: 1 });
    expect((await find.refresh('a')).load).toBe(2);
    expect((await courses.find('a')).load).toBe(2);
    expect(await find.invalidate('a')).toBe(true);
    expect(find.peek('a')).toBeUndefined();
    expect(await cache.get(find.key('a'))).toBeUndefined();
    expect((await courses.find('a')).load).toBe(3);
    expect(() => memoized(courses, 'rename' as 'find')).toThrow(InvalidOptionError);
  });

  it('lets no refresh undo an invalidation that came during it', async () => {
    const { courses, cache } = await withCourses();
    const find = memoized(courses, 'find');
    await find('a');
    let open = (_course: Course): void => {};
    const gate = new Promise<Course>((resolve) => (open = resolve));
    const entered = new Promise<void>((enter) => {
      courses.onFind = () => (enter(), gate);
    });
    const refreshed = find.refresh('a');
    await entered;
    await cache.delete(find.key('a'));
    open({ slug: 'old', load: 9 });
    expect(await refreshed).toEqual({ slug: 'old', load: 9 });
    expect(await cache.get(find.key('a'))).toBeUndefined();
  });

  it('gives the request the refreshed value', async () => {
    const { courses } = await withCourses();
    await app.get(RequestScope).run(async () => {
      expect((await courses.find('a')).load).toBe(1);
      expect((await memoized(courses, 'find').refresh('a')).load).toBe(2);
      expect((await courses.find('a')).load).toBe(2);
    });
  });
});

describe('@Invalidate', () => {
  let app: INestApplication;
  afterEach(() => app.close());

  it('removes keys and tags after the method has succeeded, and nothing when it failed', async () => {
    app = await start({ imports: [cacheModule()], providers: [Courses] });
    const courses = app.get(Courses);
    await courses.find('a');
    await courses.tagged('a');
    await expect(courses.rename('a', true)).rejects.toThrow('not renamed');
    expect([(await courses.find('a')).load, await courses.tagged('a')]).toEqual([1, 2]);
    expect(await courses.rename('a')).toEqual({ slug: 'a', load: 0 });
    expect([(await courses.find('a')).load, await courses.tagged('a')]).toEqual([3, 4]);
  });

  it('refuses to name nothing', () => {
    class Nothing {
      async rename(): Promise<void> {}
    }
    const decorate = (): void => Invalidate({})(Nothing.prototype, 'rename', { value: async () => {} });
    expect(decorate).toThrow('Nothing.rename names nothing to invalidate');
  });
});
