import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { diskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { lockContract } from '../../src/testing/lock-contract.js';
import { diskDirectory } from '../support/disk-directory.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

lockContract({ describe, it }, { name: 'memory', open: async () => ({ store: memoryStore(), close: async () => {} }) });

lockContract(
  { describe, it },
  {
    name: 'disk',
    open: async () => {
      const directory = diskDirectory();
      const store = diskStore({ directory: directory.path });
      await store.open();
      const close = async (): Promise<void> => {
        await store.close();
        directory.remove();
      };
      return { store, close };
    },
  },
);

describe('with a server', () => {
  let server: MemcachedProcess;
  beforeAll(async () => {
    server = await startMemcached();
  });
  afterAll(() => server.stop());

  lockContract(
    { describe, it },
    {
      name: 'memcached',
      open: async () => {
        const store = memcachedStore({ servers: server.address, ...patience });
        await store.open();
        return { store, close: () => store.close() };
      },
    },
  );
});
