import { describe, expect, it } from '@jest/globals';
import { Invalidate } from '../../src/decorator/invalidate.js';
import { Memoize } from '../../src/decorator/memoize.js';
import { WithLock } from '../../src/decorator/with-lock.js';
import { WithRequestScope } from '../../src/decorator/with-request-scope.js';
import type { MemoizeControls } from '../../src/decorator/memoized.js';
import { memoized } from '../../src/decorator/memoized.js';
import type { TieredCacheOptions } from '../../src/module/tiered-cache.options.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import { cacheModule, start } from '../support/nest-application.js';
import { InvalidDurationError, InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';

interface Course {
  readonly slug: string;
}
class Named {}
const minified = { aZ: class {} }.aZ;
const usersKey = defineKey('users', {});
const courseKey = defineKey('course:{slug}', { codec: json<Course>() });

const definitions: [
  string,
  () => unknown,
  typeof InvalidKeyError | typeof InvalidOptionError | typeof InvalidDurationError,
  string,
][] = [
  [
    'a class without a name',
    () => Memoize()((() => class {})().prototype, 'find', { value: async () => [] }),
    InvalidKeyError,
    'a class without a name.find has no name to stand in its keys',
  ],
  [
    'a key class without a mapping',
    () => {
      class Courses {
        @Memoize({ key: courseKey })
        async find(_slug: string): Promise<Course> {
          return { slug: '' };
        }
      }
      return Courses;
    },
    InvalidKeyError,
    "Courses.find has the key class 'course:{slug}' and no mapping",
  ],
  [
    'a method that returns no promise',
    () => {
      class Courses {
        // @ts-expect-error a memoized method returns a promise
        @Memoize()
        find(slug: string): string {
          return slug;
        }
      }
      return Courses;
    },
    InvalidOptionError,
    'Courses.find returns String',
  ],
  [
    'a static method',
    () => {
      class Courses {
        @Memoize()
        static async find(slug: string): Promise<string> {
          return slug;
        }
      }
      return Courses;
    },
    InvalidOptionError,
    'Courses.find is static',
  ],
  [
    'a class with a name as a minifier gives it',
    () => Memoize()(minified.prototype, 'find', { value: async () => [] }),
    InvalidKeyError,
    'the class of aZ.find has a name as a minifier gives it, and in the next build another class may have it. Have the bundler keep names (esbuild: keepNames',
  ],
  [
    'an empty name',
    () => Memoize({ name: '' })(minified.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'the name of aZ.find is empty',
  ],
  [
    'a name beside a key class',
    () => Memoize({ key: usersKey, name: 'Users' } as object)(minified.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'aZ.find has a key class and a name',
  ],
  [
    'an async generator',
    () => {
      class Courses {
        // @ts-expect-error a memoized method returns a promise
        @Memoize()
        async *find(slug: string): AsyncGenerator<string> {
          yield slug;
        }
      }
      return Courses;
    },
    InvalidOptionError,
    'Courses.find is a generator. What comes in pieces has no one answer',
  ],
  [
    'a generator, also by @Invalidate',
    () => Invalidate({ tags: ['a'] })(minified.prototype, 'find', { value: function* () {} as never }),
    InvalidOptionError,
    'aZ.find is a generator',
  ],
  [
    'a generator, also by @WithLock',
    () => WithLock({ resource: 'a' })(minified.prototype, 'find', { value: async function* () {} as never }),
    InvalidOptionError,
    'aZ.find is a generator',
  ],
  [
    'a generator, also by @WithRequestScope',
    () => WithRequestScope()(minified.prototype, 'find', { value: async function* () {} as never }),
    InvalidOptionError,
    'aZ.find is a generator',
  ],
  [
    'an unknown option',
    () => Memoize({ tll: '1h' } as object)(Named.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'tll: @Memoize Named.find has no such option. Did you mean ttl?',
  ],
  [
    'an unknown option of @Invalidate',
    () => Invalidate({ tag: ['a'] } as object)(Named.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'tag: @Invalidate Named.find has no such option. Did you mean tags?',
  ],
  [
    'an unknown option of @WithLock',
    () => WithLock({ resource: 'a', waits: '1s' } as never)(Named.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'waits: @WithLock Named.find has no such option. Did you mean wait?',
  ],
  [
    'confirmation after a commit',
    () =>
      Invalidate({ tags: ['a'], after: 'commit', confirm: true })(Named.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    'Named.find asks for confirmation after the commit',
  ],
  [
    'a moment that is none',
    () => Invalidate({ tags: ['a'], after: 'later' as 'commit' })(Named.prototype, 'find', { value: async () => [] }),
    InvalidOptionError,
    "Named.find says when by a word that is none. Give 'success' or 'commit'.",
  ],
  [
    'a bad duration',
    () => {
      class Courses {
        @Memoize({ ttl: 'soon' as '1s' })
        async find(slug: string): Promise<string> {
          return slug;
        }
      }
      return Courses;
    },
    InvalidDurationError,
    "ttl: 'soon' is not a duration",
  ],
];

describe('@Memoize refuses at the definition of the class', () => {
  it.each(definitions)('%s', (_name, define, error, message) => {
    let thrown: unknown;
    try {
      define();
    } catch (refused) {
      thrown = refused;
    }
    expect(thrown).toBeInstanceOf(error);
    expect(String(thrown)).toContain(message);
  });
});

/** Parameters of which compilers note different types, or none: what each of them says decides nothing. */
class Listed {
  @Memoize()
  async page(page = 1): Promise<number> {
    return page;
  }

  @Memoize()
  async either(kind: 'a' | 'b', ...rest: string[]): Promise<string> {
    return kind + rest.join();
  }

  @Memoize()
  async branded(id: string & { readonly brand: 'id' }, other: string | null): Promise<string> {
    return `${id}${other}`;
  }

  @Memoize()
  async generic<T extends string>(text: T): Promise<T> {
    return text;
  }

  @Memoize()
  async object(_query: { page: number }, _since: Date, _slugs: string[]): Promise<number> {
    return 1;
  }
}

describe('@Memoize accepts whatever type an argument is noted as', () => {
  it('since the call decides', async () => {
    const app = await start({ imports: [cacheModule()], providers: [Listed] });
    const listed = app.get(Listed);
    expect([await listed.page(), await listed.page(2), await listed.either('a', 'b', 'c')]).toEqual([1, 2, 'ab,c']);
    expect([await listed.branded('i' as never, null), await listed.generic('g')]).toEqual(['inull', 'g']);
    await expect(listed.object({ page: 1 }, new Date(0), [])).rejects.toThrow(
      'Argument 1 of Listed.object is an object',
    );
    await app.close();
  });

  it('and a class whose promise is its own', () => {
    class Query {
      then(): void {}
    }
    class Courses {
      find(): Query {
        return new Query();
      }
    }
    Reflect.defineMetadata('design:returntype', Query, Courses.prototype, 'find');
    const decorate = (): void => Memoize()(Courses.prototype, 'find', { value: async () => 1 });
    expect(decorate).not.toThrow();
  });
});

/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- that the compiler accepts callbacks without annotations is what is tested */
describe('The types of callbacks', () => {
  it('are usable without annotations, and checked with them', () => {
    class Courses {
      @Memoize({ args: (query) => [query.slug, query.page], cacheIf: (courses) => courses.length > 0 })
      async search(_query: { slug: string; page: number }): Promise<Course[]> {
        return [];
      }

      @Memoize({ key: courseKey, args: (slug) => ({ slug }), tags: (slug) => [`course ${slug}`] })
      async find(slug: string): Promise<Course> {
        return { slug };
      }

      @Invalidate({ keys: (slug) => courseKey({ slug }), byResult: (course) => ({ tags: [course.slug] }) })
      async rename(slug: string, _title: string): Promise<Course> {
        return { slug };
      }

      @WithLock({ resource: (slug) => ['course', slug] })
      async close(_slug: string): Promise<void> {}

      // @ts-expect-error the callback takes a number
      @Invalidate({ keys: (slug: number) => courseKey({ slug: `${slug}` }) })
      async remove(_slug: string): Promise<void> {}

      // @ts-expect-error the method returns no course
      @Invalidate({ byResult: ({ slug }: Course) => ({ tags: [slug] }) })
      async count(_slug: string): Promise<number> {
        return 1;
      }
    }
    const options: TieredCacheOptions = { mayForceMiss: (request) => request.user?.isStaff === true };
    const annotated: TieredCacheOptions = {
      mayForceMiss: ({ user }: { user?: { isStaff: boolean } }) => !!user?.isStaff,
    };
    expect([Courses.name, typeof options.mayForceMiss, typeof annotated.mayForceMiss]).toEqual([
      'Courses',
      'function',
      'function',
    ]);
  });
});

/* eslint-enable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment */

describe('The types of callbacks that are annotated', () => {
  it('take what the method may be called with, and may take more', () => {
    class Courses {
      @Memoize({ args: (id: string | number) => [id] })
      async find(id: string): Promise<string> {
        return id;
      }

      @Invalidate({ keys: (slug?: string) => courseKey({ slug: slug ?? '' }) })
      async rename(_slug: string): Promise<void> {}

      @WithLock({ resource: (slug: string | undefined) => ['course', slug ?? ''] })
      async close(_slug?: string, ..._rest: number[]): Promise<void> {}

      @Memoize({ args: (text: string) => [text] })
      async generic<T extends string>(text: T): Promise<T> {
        return text;
      }
    }
    expect(Object.keys(Object.getOwnPropertyDescriptors(Courses.prototype))).toHaveLength(5);
  });

  it('are refused where the method may be called without what they take', () => {
    class Courses {
      // @ts-expect-error find() gives the mapping no text
      @Memoize({ args: (id: string) => [id.trim()] })
      async find(id?: string): Promise<string> {
        return id ?? '';
      }

      // @ts-expect-error rename() gives the callback no text
      @Invalidate({ keys: (slug: string) => courseKey({ slug: slug.trim() }) })
      async rename(_slug?: string): Promise<void> {}

      // @ts-expect-error close(null) gives the callback no text
      @WithLock({ resource: (slug: string) => ['course', slug.trim()] })
      async close(_slug: string | null): Promise<void> {}

      // @ts-expect-error the method is called with one argument
      @Memoize({ args: (slug: string, page: number) => [slug, page] })
      async page(slug: string): Promise<string> {
        return slug;
      }
    }
    expect(Object.keys(Object.getOwnPropertyDescriptors(Courses.prototype))).toHaveLength(5);
  });
});

describe('The types of @Memoize', () => {
  it('refuse what can not be', () => {
    class Courses {
      @Memoize({ key: courseKey, args: (slug: string) => ({ slug }) })
      async find(slug: string): Promise<Course> {
        return { slug };
      }

      @Memoize({ key: courseKey, args: (slug: string) => ({ slug }) })
      async more(slug: string, _page: number, _query: { sort: string }): Promise<Course | undefined> {
        return { slug };
      }

      // @ts-expect-error the mapping takes a string
      @Memoize({ key: courseKey, args: (slug: string) => ({ slug }) })
      async byNumber(slug: number): Promise<Course> {
        return { slug: `${slug}` };
      }

      // @ts-expect-error the key holds courses
      @Memoize({ key: courseKey, args: (slug: string) => ({ slug }) })
      async count(slug: string): Promise<number> {
        return slug.length;
      }

      // @ts-expect-error the mapping gives another parameter than the pattern has
      @Memoize({ key: courseKey, args: (uuid: string) => ({ uuid }) })
      async byUuid(uuid: string): Promise<Course> {
        return { slug: uuid };
      }

      @Memoize({ cacheIf: (count: number) => count > 0, version: (_slug: string) => 1 })
      async size(slug: string): Promise<number> {
        return slug.length;
      }
    }
    const typed = (courses: Courses): unknown[] => {
      const find: MemoizeControls<[slug: string], Course> = memoized(courses, 'find');
      const peeked: Course | undefined = find.peek('a');
      // @ts-expect-error a course is found by its slug
      const wrong = (): unknown => memoized(courses, 'find').invalidate(7);
      return [peeked, wrong];
    };
    expect(() => typed(new Courses())).toThrow('Courses.find has no controls');
  });
});

it('A listed value that the mapping gives is taken for one of the list, and another is refused by the compiler', async () => {
  const titleKey = defineKey('title:{slug}:{language}', {
    params: { language: { values: ['en', 'de'] } },
    codec: json<string>(),
  });
  class Titles {
    @Memoize({ key: titleKey, args: (slug: string) => ({ slug, language: 'en' }) })
    async english(slug: string): Promise<string> {
      return `${slug} in English`;
    }

    // @ts-expect-error there is no such language
    @Memoize({ key: titleKey, args: (slug: string) => ({ slug, language: 'fr' }) })
    async french(slug: string): Promise<string> {
      return `${slug} in French`;
    }
  }
  const app = await start({ imports: [cacheModule()], providers: [Titles] });
  expect(await app.get(Titles).english('a')).toBe('a in English');
  expect(memoized(app.get(Titles), 'english').key('a').text).toBe('title:a:en');
  await app.close();
});
