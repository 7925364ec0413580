import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { storeBehind } from '../../src/origin/shard-behind.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Invalidation } from '../../src/store/feed.js';
import type { Revision } from '../../src/store/store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { HeldAnswers } from '../support/fleet/held-answers.js';
import { shardWith } from '../support/shard-with.js';

const life = { ttl: '1h', staleFor: '1h' } as const;
const never = (): never => {
  throw new Error('it was loaded');
};

describe('A look-up that the store answers before a change of this process has arrived, and that comes back after it', () => {
  let held: HeldAnswers;
  let cache: TieredCache;
  /** Changes arrive when it resolves. */
  let underWay: Promise<void> | undefined;

  beforeEach(async () => {
    underWay = undefined;
    const clock = new FakeClock();
    const slow = storeBehind(memoryStore({ clock }), (shard) => {
      const invalidate = async (asked: Invalidation): Promise<unknown> => {
        await underWay;
        return shard.invalidate?.(asked);
      };
      const remove = async (storeKey: string, revision?: Revision): Promise<unknown> => {
        await underWay;
        return shard.remove(storeKey, revision);
      };
      return shardWith(shard, { invalidate, remove });
    });
    held = new HeldAnswers(slow);
    cache = await buildCache({ store: held.store, clock, coherence: { interval: '1h' } });
    await cache.set('k', 'old', life);
  });
  afterEach(() => cache.close());

  it.each<[string, () => Promise<unknown>]>([
    ['set', () => cache.set('k', 'new', life)],
    ['delete', () => cache.delete('k')],
    ['expire', () => cache.expire('k')],
    ['update', () => cache.update('k', () => 'new', life)],
    ['refresh that finds none', () => cache.refresh('k', () => undefined, life)],
    ['refresh of what is for its request alone', () => cache.refresh('k', () => 'mine', { ttl: 0 })],
  ])('is not kept near: %s', async (_, change) => {
    let arrive = (): void => {};
    underWay = new Promise((resolve) => (arrive = resolve));
    const changing = change();
    await turn();
    held.hold('readOrStub', 'k');
    const reading = cache.getOrSet('k', never, life);
    await turn();
    arrive();
    await changing;
    held.letGo();
    expect(await reading).toBe('old');
    expect(cache.peek('k')).not.toBe('old');
  });
});
