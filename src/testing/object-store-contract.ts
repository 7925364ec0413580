import type { TestRunner } from './codec-contract.js';
import type { ObjectStoreContractOptions } from './object-store-contract/bench.js';
import { keyRules } from './object-store-contract/keys.js';
import { linkRules } from './object-store-contract/links.js';
import { listRules } from './object-store-contract/lists.js';
import { objectRules } from './object-store-contract/objects.js';
import { rangeRules } from './object-store-contract/ranges.js';
import { signalRules } from './object-store-contract/signals.js';
import { writingRules } from './object-store-contract/writing.js';

export type { ObjectStoreContractOptions, ObjectStoreSubject } from './object-store-contract/bench.js';

/**
 * What every object store must hold to: each sentence of `ObjectStore`, as tests. They write below `contract-…/` and leave it there.
 *
 * @example
 * objectStoreContract({ describe, it }, {
 *   name: 'memory',
 *   open: async () => ({ store: memoryObjectStore(), dispose: () => {} }),
 * });
 */
export function objectStoreContract(runner: TestRunner, options: ObjectStoreContractOptions): void {
  runner.describe(`the object store ${options.name}`, () => {
    for (const rules of [objectRules, rangeRules, writingRules, keyRules, listRules, signalRules, linkRules]) {
      rules(runner, options);
    }
  });
}
