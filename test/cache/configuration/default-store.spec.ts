import { describe, expect, it } from '@jest/globals';
import { defaultStore } from '../../../src/cache/configuration/default-store.js';
import { readStoreEnvironment } from '../../../src/cache/configuration/environment.js';
import { diskDirectory } from '../../support/disk-directory.js';

describe('The store of an application that names none', () => {
  it('is memory in tests, so that no run is answered by the one before', async () => {
    const { store, warning } = await defaultStore(readStoreEnvironment({ NODE_ENV: 'test' }));
    expect([store.name, warning]).toEqual(['memory', undefined]);
  });

  it('is what a variable names, in tests as well', async () => {
    const { path, remove } = diskDirectory();
    const disk = await defaultStore(readStoreEnvironment({ NODE_ENV: 'test', CACHE_DISK_PATH: path }));
    const fleet = await defaultStore(readStoreEnvironment({ NODE_ENV: 'test', MEMCACHED_SERVERS: '127.0.0.1:1' }));
    const redis = await defaultStore(
      readStoreEnvironment({ NODE_ENV: 'test', CACHE_REDIS_URL: 'redis://127.0.0.1:1' }),
    );
    expect([disk.store.name, fleet.store.name, redis.store.name]).toEqual(['disk', 'memcached', 'redis']);
    remove();
  });

  it('is not two at once', async () => {
    const both = { MEMCACHED_SERVERS: '127.0.0.1:1', CACHE_REDIS_URL: 'redis://127.0.0.1:1' };
    await expect(defaultStore(readStoreEnvironment(both))).rejects.toThrow(
      /CACHE_REDIS_URL.*MEMCACHED_SERVERS.*Unset one/s,
    );
  });

  it('says what is valid where the URL of Redis is not, and nothing of what was given', async () => {
    const bad = defaultStore(readStoreEnvironment({ CACHE_REDIS_URL: 'http://user:s3cret@127.0.0.1' }));
    await expect(bad).rejects.toThrow(/^CACHE_REDIS_URL: .*rediss:\/\//);
    await expect(bad).rejects.not.toThrow(/s3cret/);
  });
});
