import { afterAll, beforeAll } from '@jest/globals';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Store } from '../../src/store/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { waitingAtOnce } from '../support/at-once.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

let servers: MemcachedProcess[] = [];
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())).then(() => {}));

// Generous deadlines: the contract is about answers; those under fault have tests of their own.

/** Of both. A server lists its keys for one at a time. */
const runner = waitingAtOnce('lives', 'counters');

for (const [name, count] of [
  ['memcached', 1],
  ['memcached on three servers', 3],
] as const) {
  storeContract(runner, {
    name,
    tooLargeBytes: 2 ** 20,
    open: async () => {
      const addresses = servers.slice(0, count).map(({ address }) => address);
      const opened: Store[] = [];
      const openStore = async (): Promise<Store> => {
        const store = memcachedStore({ servers: addresses, ...patience });
        opened.push(store);
        await store.open();
        return store;
      };
      return {
        store: await openStore(),
        secondHandle: openStore,
        dispose: () => Promise.all(opened.map((store) => store.close())).then(() => {}),
      };
    },
  });
}
