import { describe, expect, it } from '@jest/globals';
import { Memoize } from '../../src/decorator/memoize.js';
import type { MemoizeControls } from '../../src/decorator/memoized.js';
import { memoized } from '../../src/decorator/memoized.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { json } from '../../src/codec/json.js';
import { InvalidDurationError, InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';

interface Course {
  readonly slug: string;
}
const courseKey = defineKey('course:{slug}', { codec: json<Course>() });

const definitions: [
  string,
  () => unknown,
  typeof InvalidKeyError | typeof InvalidOptionError | typeof InvalidDurationError,
  string,
][] = [
  [
    'an argument that is an object',
    () => {
      class Courses {
        @Memoize()
        async find(_slug: string, _query: { page: number }): Promise<Course[]> {
          return [];
        }
      }
      return Courses;
    },
    InvalidKeyError,
    'argument 2 of Courses.find is of type Object',
  ],
  [
    'an argument that is an array',
    () => {
      class Courses {
        @Memoize()
        async find(_slugs: string[]): Promise<Course[]> {
          return [];
        }
      }
      return Courses;
    },
    InvalidKeyError,
    'argument 1 of Courses.find is of type Array',
  ],
  [
    'an argument that is an instance',
    () => {
      class Courses {
        @Memoize()
        async find(_since: Date): Promise<Course[]> {
          return [];
        }
      }
      return Courses;
    },
    InvalidKeyError,
    'argument 1 of Courses.find is of type Date',
  ],
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
