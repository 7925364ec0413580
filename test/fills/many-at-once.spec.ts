import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { Clock } from '../../src/value/clock.js';
import { buildCache } from '../support/build-cache.js';

const fills = 10_000;
/** Of processor time: a lease stands for 3 s, unless it is renewed. */
const msPerFill = 0.4;

/** Time passes while a value is judged, and nothing else runs meanwhile. */
class BusyClock implements Clock {
  private readonly clock = new FakeClock();
  private workedMs = 0;

  readonly now = (): number => Math.floor(this.clock.now() + this.workedMs);
  readonly monotonic = (): number => this.clock.monotonic() + this.workedMs;
  readonly after: Clock['after'] = (delayMs, callback) => this.clock.after(delayMs, callback);
  readonly sleep: Clock['sleep'] = (delayMs, signal) => this.clock.sleep(delayMs, signal);

  work(): void {
    this.workedMs += msPerFill;
  }
}

let clock: BusyClock;
let cache: TieredCache;
/** Another process, that keeps nothing near. */
let other: TieredCache;

beforeEach(async () => {
  clock = new BusyClock();
  const store = memoryStore({ clock });
  cache = await buildCache({ store, clock });
  other = await buildCache({ name: 'other', store, clock, process: false });
  for (const one of [cache, other]) await one.lookup('anything');
});
afterEach(() => Promise.all([cache.close(), other.close()]));

const keys = Array.from({ length: fills }, (_, index) => `key${index}`);
const options = {
  ttl: '1h',
  cacheIf: (): boolean => {
    clock.work();
    return true;
  },
} as const;
const isStored = async (): Promise<boolean[]> => (await other.getMany(keys)).map(({ hit }) => hit);

describe(`${fills} fills that take longer together than a lease stands`, () => {
  it('are all stored where one call asks for them', async () => {
    await cache.getOrSetMany(keys, (named) => named.map((key) => [key, 1]), options);
    expect((await isStored()).filter((hit) => !hit)).toHaveLength(0);
  });

  it('are all stored where each is a call of its own', async () => {
    await Promise.all(keys.map((key) => cache.getOrSet(key, () => 1, options)));
    expect((await isStored()).filter((hit) => !hit)).toHaveLength(0);
  });
});
