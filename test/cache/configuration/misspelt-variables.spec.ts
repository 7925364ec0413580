import { describe, expect, it } from '@jest/globals';
import { cacheVariables, storeVariables } from '../../../src/cache/configuration/environment.js';
import { misspeltVariables } from '../../../src/cache/configuration/misspelt-variables.js';

const known = [...storeVariables, ...cacheVariables];

describe('A misspelt variable', () => {
  it.each([
    ['CACHE_REDIS_ULR', 'CACHE_REDIS_URL'],
    ['CACHE_REDISURL', 'CACHE_REDIS_URL'],
    ['cache_redis_url', 'CACHE_REDIS_URL'],
    ['CACHE_KEY_VERSION_STMP', 'CACHE_KEY_VERSION_STAMP'],
    ['CACHE_KEY_STAMP', 'CACHE_KEY_VERSION_STAMP'],
    ['CACHE_VERSION_STAMP', 'CACHE_KEY_VERSION_STAMP'],
    ['CAHCE_DISK_PATH', 'CACHE_DISK_PATH'],
    ['MEMCACHED_SERVER', 'MEMCACHED_SERVERS'],
    ['MEMCACHED_SEVRERS', 'MEMCACHED_SERVERS'],
    ['CACHE_REDIS_PARTITION', 'CACHE_REDIS_PARTITIONS'],
    ['DEFAULT_CACHE_TIMOUT', 'DEFAULT_CACHE_TIMEOUT'],
    ['CACHE_INTEGRITY_KEY', 'CACHE_INTEGRITY_KEYS'],
  ])('%s is told of %s', (written, meant) => {
    expect(misspeltVariables(known, { PATH: '/bin', [written]: 'x' })).toEqual([{ written, meant }]);
  });

  it.each([
    'CACHE_REDIS_HOST',
    'CACHE_REDIS_TTL',
    'CACHE_DISK_DIR',
    'MEMCACHED_TTL',
    'MEMCACHED_PORT',
    'REDIS_URL',
    'CACHE_KEY',
  ])('is not what another may own: %s', (written) => {
    expect(misspeltVariables(known, { [written]: 'x' })).toEqual([]);
  });

  it('is none where the one that it is near to is set, nor where it is empty', () => {
    expect(misspeltVariables(known, { CACHE_REDIS_URL: 'x', CACHE_REDIS_URL2: 'x', MEMCACHED_SERVER: ' ' })).toEqual(
      [],
    );
  });
});
