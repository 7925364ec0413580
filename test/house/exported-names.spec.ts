import { beforeAll, describe, expect, it } from '@jest/globals';
import { entries, runToEnd } from './repository.js';
import type { Ended } from './repository.js';

let checked: Ended;
let exported: Readonly<Record<string, readonly string[]>>;

beforeAll(() => {
  checked = runToEnd(process.execPath, ['scripts/api-reference.mjs', '--check']);
  exported = JSON.parse(checked.stdout) as typeof exported;
});

/**
 * The names users may import, pinned: adding or losing one shows as a line in __snapshots__, to be looked at and accepted with
 * `npm run jest -- test/house/exported-names -u`.
 */
describe('The exported names', () => {
  it.each(entries)('of %s', (entry) => {
    expect(`\n${exported[entry]?.join('\n')}\n`).toMatchSnapshot();
  });

  it('leave those of @nestjs/cache-manager alone', () => {
    const taken = new Set(['CacheModule', 'CacheKey', 'CacheTTL', 'CacheInterceptor', 'Cache', 'CACHE_MANAGER']);
    const names = Object.values(exported)
      .flat()
      .map((line) => line.split(':')[0] ?? '');
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => taken.has(name))).toEqual([]);
  });
});

it('docs/api.md says of each exported name what the sources say', () => {
  expect({ code: checked.code, stderr: checked.stderr }).toEqual({ code: 0, stderr: '' });
});
