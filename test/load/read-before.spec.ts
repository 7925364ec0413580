import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const life = { ttl: '1h' } as const;

describe('A load in a request', () => {
  const scope = new RequestScope();
  let clock: FakeClock;
  let faulty: FaultyStore;
  let here: TieredCache;
  let there: TieredCache;
  beforeEach(async () => {
    clock = new FakeClock();
    const shared = memoryStore({ clock });
    faulty = new FaultyStore(shared);
    here = await buildCache({ name: 'here', store: faulty.store, clock, scope });
    there = await buildCache({ name: 'there', store: shared, clock, process: false });
    await here.set('part', 'part', { ttl: '10s', staleFor: '1h' });
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  /** A page that is made of what the request has read before it asks. */
  async function page(): Promise<string> {
    const part = await here.get<string>('part');
    return here.getOrSet('page', () => `page with ${part}`, life);
  }

  it('costs no reading of the feed where the request has read nothing before, and one where it has', async () => {
    await scope.run(async () => {
      faulty.commands.splice(0);
      expect(await here.getOrSet('k', () => 1, life)).toBe(1);
      expect(await here.getOrSet('l', () => 2, life)).toBe(2);
    });
    expect(faulty.commands.filter((command) => command.startsWith('readFeed'))).toHaveLength(1);
    expect(await there.get('k')).toBe(1);
  });

  it.each([
    ['stored where that is fresh', '9s', 'page with part'],
    ['answered, and not stored, where that is stale', '10s', undefined],
  ] as const)('of what it has read before is %s', async (_, age, stored) => {
    await clock.advance(age);
    expect(await scope.run(page)).toBe('page with part');
    expect(await there.get('page')).toBe(stored);
  });
});
