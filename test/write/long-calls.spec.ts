import { expect, it, jest } from '@jest/globals';
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
