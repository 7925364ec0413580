import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { defineKey } from '../../src/catalogue/define-key.js';
import type { StandardSchemaV1 } from '../../src/codec/standard-schema.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { buildCache } from '../support/build-cache.js';

const having = (name: string): StandardSchemaV1<unknown, object> => ({
  '~standard': {
    version: 1,
    vendor: name,
    validate: (value) => (name in (value as object) ? { value: value as object } : { issues: [{ message: 'no' }] }),
  },
});
const courses = defineKey('v:{id}', { holds: 'a course', schema: having('course'), validateOnRead: true });
const people = defineKey('v:{id}', { holds: 'a person', schema: having('person'), validateOnRead: true });
let cache: TieredCache;

beforeEach(async () => {
  cache = await buildCache();
});
afterEach(() => cache.close());

it('Look-ups of one key under two schemas don’t join each other’s load: each is given what its own has let pass', async () => {
  const both = await Promise.all([
    cache.getOrSet(courses({ id: '1' }), async () => ({ course: 1 })),
    cache.getOrSet(people({ id: '1' }), async () => ({ person: 1 })),
    cache.getOrSet(people({ id: '1' }), async () => ({ person: 2 })),
  ]);
  expect(both).toEqual([{ course: 1 }, { person: 1 }, { person: 1 }]);
});
