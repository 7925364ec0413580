import { describe, it } from '@jest/globals';
import { redisStoreWith } from '../../../src/store/redis/redis-store.js';
import type { Store } from '../../../src/store/store.js';
import { lockContract } from '../../../src/testing/lock-contract.js';
import { storeContract } from '../../../src/testing/store-contract.js';
import { waitingAtOnce } from '../../support/at-once.js';
import { testedDriver } from './drivers.js';
import type { TestedDriver } from './drivers.js';
import { patience } from '../../support/patience.js';

// Generous deadlines: the contracts are about answers; those under fault have tests of their own.
const patient = { ...patience, maxItemBytes: 2 ** 20 };

type Where = { readonly url: string } | { readonly cluster: readonly string[] };

/** The contracts of stores and of locks through one client, on the Redis that `where` names once it runs. */
export function contractsThrough(driver: TestedDriver, name: string, where: () => Where): void {
  const openStore = async (): Promise<Store> => {
    const store = redisStoreWith({ ...where(), ...patient }, { driver: () => testedDriver(driver) });
    await store.open();
    return store;
  };
  const openBoth = async () => {
    const opened = [await openStore()];
    const secondHandle = async (): Promise<Store> => {
      const store = await openStore();
      opened.push(store);
      return store;
    };
    const close = (): Promise<void> => Promise.all(opened.map((store) => store.close())).then(() => {});
    return { store: opened[0] as Store, secondHandle, close };
  };
  storeContract(waitingAtOnce('lives', 'counters', 'the listing of keys'), {
    name: `${name} through ${driver}`,
    tooLargeBytes: 2 ** 20 + 1,
    open: async () => {
      const { close, ...handles } = await openBoth();
      return { ...handles, dispose: close };
    },
  });

  describe(`through ${driver}`, () => lockContract({ describe, it }, { name, open: openBoth }));
}
