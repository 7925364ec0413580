import { describe, expect, it } from '@jest/globals';
import { diskDirectory } from '../support/disk-directory.js';
import { startMemcached } from '../support/memcached-process.js';
import { startRedis } from '../support/redis-process.js';
import { startWorker } from '../support/worker-process.js';

describe('A start that fails after the store was reached', () => {
  it.each(['memory', 'disk', 'memcached', 'redis', 'redis through @redis/client', 'redis through ioredis'])(
    'leaves nothing that keeps the process alive: %s',
    async (store) => {
      const server = await startMemcached();
      const redis = await startRedis();
      const { path, remove } = diskDirectory();
      const file = new URL('../support/workers/failed-start-worker.ts', import.meta.url);
      const worker = await startWorker(file, { directory: path, servers: server.address, url: redis.url });
      expect(await worker.call('start', store)).toBe('no migration');
      expect(await worker.stop()).toBe('0');
      await server.stop();
      await redis.stop();
      remove();
    },
  );
});
