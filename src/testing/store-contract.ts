import type { TestRunner } from './codec-contract.js';
import { atomicityRules } from './store-contract/atomicity.js';
import { counterRules } from './store-contract/counters.js';
import { feedRules } from './store-contract/feeds.js';
import { itemRules } from './store-contract/items.js';
import { keyRules } from './store-contract/keys.js';
import { lifeRules } from './store-contract/lives.js';
import { listingRules } from './store-contract/listing.js';
import { openingRules } from './store-contract/opening.js';
import type { StoreContractOptions } from './store-contract/subject.js';

export type { StoreContractOptions, StoreSubject } from './store-contract/subject.js';

/**
 * What every store must hold to: each sentence of `Store` and `Shard`, as tests. `capabilities` decide what is asked. Where the store's
 * clock is real, a test takes up to seven of its resolutions: give it more than the five seconds of Jest and Vitest where it counts whole seconds.
 *
 * @example
 * storeContract({ describe, it }, {
 *   name: 'memory',
 *   tooLargeBytes: 2 ** 24,
 *   open: async () => {
 *     const store = memoryStore();
 *     await store.open();
 *     return { store, dispose: () => store.close() };
 *   },
 * });
 */
export function storeContract(runner: TestRunner, options: StoreContractOptions): void {
  runner.describe(`the store ${options.name}`, () => {
    for (const rules of [
      openingRules,
      itemRules,
      atomicityRules,
      counterRules,
      feedRules,
      lifeRules,
      keyRules,
      listingRules,
    ]) {
      rules(runner, options);
    }
  });
}
