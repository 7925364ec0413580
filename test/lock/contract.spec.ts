import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { diskStore } from '../../src/store/disk/disk-store.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { lockContract } from '../../src/testing/lock-contract.js';
import { diskDirectory } from '../support/disk-directory.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

/** Several stores on the same items. */
function handles(make: () => Store): {
  readonly openStore: () => Promise<Store>;
  readonly closeAll: () => Promise<void>;
} {
  const opened: Store[] = [];
  const openStore = async (): Promise<Store> => {
    const store = make();
    opened.push(store);
    await store.open();
    return store;
  };
  return { openStore, closeAll: () => Promise.all(opened.map((store) => store.close())).then(() => {}) };
}

lockContract({ describe, it }, { name: 'memory', open: async () => ({ store: memoryStore(), close: async () => {} }) });

lockContract(
  { describe, it },
  {
    name: 'disk',
    open: async () => {
      const directory = diskDirectory();
      const { openStore, closeAll } = handles(() => diskStore({ directory: directory.path }));
      const close = async (): Promise<void> => {
        await closeAll();
        directory.remove();
      };
      return { store: await openStore(), secondHandle: openStore, close };
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
        const { openStore, closeAll } = handles(() => memcachedStore({ servers: server.address, ...patience }));
        return { store: await openStore(), secondHandle: openStore, close: closeAll };
      },
    },
  );
});
