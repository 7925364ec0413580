import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll } from '@jest/globals';

/**
 * Disables, after a test file, each AsyncLocalStorage that the file has entered. A worker of Jest runs many files, each with its own copy of
 * the modules, and on Node 20 every promise asks every storage that was ever entered: without this, late files take several times as long.
 */
const enteredOf = Symbol.for('nestjs-tiered-cache.test.entered-storages');

type Storage = AsyncLocalStorage<unknown>;
const prototype = AsyncLocalStorage.prototype as Storage & { [enteredOf]?: Set<Storage> };

function recordEntries(): Set<Storage> {
  const entered = new Set<Storage>();
  for (const method of ['run', 'enterWith'] as const) {
    const enter = Reflect.get(prototype, method) as (this: Storage, ...args: unknown[]) => unknown;
    Object.defineProperty(prototype, method, {
      configurable: true,
      writable: true,
      value: function (this: Storage, ...args: unknown[]): unknown {
        entered.add(this);
        return enter.apply(this, args);
      },
    });
  }
  return entered;
}

// The class is the worker's, this module is the file's.
const entered = (prototype[enteredOf] ??= recordEntries());

afterAll(() => {
  for (const storage of entered) storage.disable();
  entered.clear();
});
