import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { lockContract } from '../../../src/testing/lock-contract.js';
import { storeContract } from '../../../src/testing/store-contract.js';
import { waitingAtOnce } from '../../support/at-once.js';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { testedDriver } from './drivers.js';

let server: RedisProcess;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

// Generous deadlines: the contracts are about answers; those under fault have tests of their own.
const patient = { connectTimeout: 5_000, commandTimeout: 5_000, maxItemBytes: 2 ** 20 };

for (const driver of ['@redis/client 6', 'ioredis 6'] as const) {
  const openStore = async (): Promise<Store> => {
    const store = redisStoreWith({ url: server.url, ...patient }, { driver: () => testedDriver(driver) });
    await store.open();
    return store;
  };
  storeContract(waitingAtOnce('lives'), {
    name: `redis through ${driver}`,
    tooLargeBytes: 2 ** 20 + 1,
    open: async () => {
      const opened = [await openStore()];
      const secondHandle = async (): Promise<Store> => {
        const store = await openStore();
        opened.push(store);
        return store;
      };
      return {
        store: opened[0] as Store,
        secondHandle,
        dispose: () => Promise.all(opened.map((store) => store.close())).then(() => {}),
      };
    },
  });

  describe(`through ${driver}`, () => {
    lockContract(
      { describe, it },
      {
        name: 'redis',
        open: async () => {
          const store = await openStore();
          return { store, close: () => store.close() };
        },
      },
    );
  });
}
