import { afterAll, beforeAll } from '@jest/globals';
import { configEndpoint } from '../../src/store/memcached/list/config-endpoint.js';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import type { Store } from '../../src/store/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { waitingAtOnce } from '../support/at-once.js';
import { startConfigEndpoint } from '../support/config-endpoint.js';
import type { ConfigEndpoint } from '../support/config-endpoint.js';
import { eventually } from '../support/eventually.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { patience } from '../support/patience.js';

let servers: MemcachedProcess[] = [];
let endpoint: ConfigEndpoint;
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
  endpoint = await startConfigEndpoint(servers.map(({ address }) => address));
});
afterAll(() => Promise.all([endpoint.close(), ...servers.map((server) => server.stop())]).then(() => {}));

// Generous deadlines: the contract is about answers; those under fault have tests of their own.

/** Of both. A server lists its keys for one at a time. */
const runner = waitingAtOnce('lives', 'counters');

for (const [name, count] of [
  ['memcached', 1],
  ['memcached on three servers', 3],
  ['memcached on three servers that an endpoint names', undefined],
] as const) {
  storeContract(runner, {
    name,
    tooLargeBytes: 2 ** 20,
    open: async () => {
      const addresses = servers.slice(0, count).map(({ address }) => address);
      const discovered = { discover: configEndpoint(endpoint.address), every: 3_000 };
      const opened: Store[] = [];
      const openStore = async (): Promise<Store> => {
        const store = memcachedStore({ servers: count === undefined ? discovered : addresses, ...patience });
        opened.push(store);
        await store.open();
        // The first of all waits, in case that others are at work.
        if (count === undefined) await eventually(() => store.shards[0].readMany(['~']));
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
