import { describe, expect, it, jest } from '@jest/globals';
import { Coherence } from '../../src/coherence/coherence.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { buildCache } from '../support/build-cache.js';
import { FaultyStore } from '../support/faulty-store.js';

const count = 2_000;
const keys = Array.from({ length: count }, (_, index) => `k:${index}`);

it('A delete of many keys in an outage looks at each a few times, not at each for every other', async () => {
  const clock = new FakeClock();
  const faulty = new FaultyStore(memoryStore({ clock }));
  const cache = await buildCache({ store: faulty.store, clock });
  const place = Reflect.get<Coherence, 'place'>(Coherence.prototype, 'place');
  let looks = 0;
  const placing = jest.spyOn(Coherence.prototype, 'place').mockImplementation(function (this: Coherence, key) {
    const placed = place.call(this, key);
    return (
      placed && {
        ...placed,
        get storeKey(): string {
          looks++;
          return placed.storeKey;
        },
      }
    );
  });
  faulty.down = '';
  expect(await cache.deleteMany(keys)).toBe(false);
  placing.mockRestore();
  expect((await cache.status()).unacknowledgedWrites).toBe(count);
  expect(looks).toBeGreaterThanOrEqual(count);
  expect(looks).toBeLessThan(10 * count);
  faulty.down = undefined;
});

// At 120,000 arguments or so a call fails for want of stack.
it('A set of many values calls nothing with an argument for each', async () => {
  const cache = await buildCache();
  const calls = jest.spyOn(Math, 'min');
  expect(await cache.setMany(keys.map((key) => [key, 1]))).toBe(true);
  const most = calls.mock.calls.reduce((longest, { length }) => Math.max(longest, length), 0);
  calls.mockRestore();
  expect(most).toBeLessThan(100);
});

describe('21,000 values set at once, each with a tag', () => {
  const many = Array.from({ length: 21_000 }, (_, index) => `k:${index}`);
  const process = { maxEntries: 100_000, maxBytes: 2 ** 30 };
  const tagged = { ttl: '1h', tags: ['t'] } as const;

  it.each<[string, boolean, object]>([
    ['without a store', false, {}],
    ['for the process alone', true, { tiers: ['process'] }],
    ['with a store', true, {}],
  ])('are all near, %s', async (_, hasStore, own) => {
    // Time stands: a process that is busy for long believes its copies only after it has read the feed.
    const clock = new FakeClock();
    const cache = await buildCache({ process, clock, store: hasStore ? memoryStore({ clock }) : undefined });
    expect(await cache.setMany(many.map((key) => [key, 1, { ...tagged, ...own }]))).toBe(true);
    expect(many.filter((key) => cache.peek(key) === 1)).toHaveLength(many.length);
    expect(await cache.invalidateTags('t')).toBe(true);
    expect(many.filter((key) => cache.peek(key) !== undefined)).toHaveLength(0);
  });

  it('are not kept where the tag was invalidated after the call had begun', async () => {
    const cache = await buildCache({ process, store: undefined });
    const set = cache.setMany(many.map((key) => [key, 1, tagged]));
    const invalidated = cache.invalidateTags('t');
    await Promise.all([set, invalidated]);
    expect(many.filter((key) => cache.peek(key) !== undefined)).toHaveLength(0);
  });
});

it('Of two values for one key in one call, the later one is near', async () => {
  const cache = await buildCache();
  expect(
    await cache.setMany([
      ['k', 1],
      ['k', 2],
    ]),
  ).toBe(true);
  expect(cache.peek('k')).toBe(2);
  expect(await cache.get('k')).toBe(2);
});
