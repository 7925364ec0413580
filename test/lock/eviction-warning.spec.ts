import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { recordEvents } from '../support/recorded-events.js';
import { leaseOf } from './support/open-locks.js';

describe('A lock on a server that may evict it', () => {
  it.each([
    ['is told of once, however often locks are taken', [true], 1],
    ['is told of as soon as the server can say so', [undefined, true], 1],
    ['is told of by nobody where the server evicts nothing', [false], 0],
  ] as const)('%s', async (_, answers, times) => {
    const store = memoryStore();
    let asked = 0;
    store.shards[0].evicts = () => {
      const evicts = answers[asked++];
      return evicts === undefined
        ? Promise.reject(new StoreUnavailableError('memory', 'it is away'))
        : Promise.resolve(evicts);
    };
    const locks = new CacheLock({ store, namespace: 'test' });
    const faults = recordEvents('fault');
    for (const name of ['a', 'b', 'c']) {
      await leaseOf(await locks.acquire(name)).release();
      await turn();
    }
    faults.stop();
    expect(faults.of('fault').map(({ kind }) => kind)).toEqual(Array.from({ length: times }, () => 'evicts-locks'));
    expect(asked).toBe(answers.length);
    await locks.shutdown(0);
  });
});
