import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { RecursiveLoadError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';

/** Stale from 10 s on, and over at 15 s. */
const life = { ttl: '10s', staleFor: '5s' } as const;

describe('An entry that is over before its refresh has come in', () => {
  let clock: FakeClock;
  let here: TieredCache;
  let there: TieredCache;
  /** When its refresh has loaded for eight seconds, at 20 s. */
  let whileLoading: () => Promise<unknown>;

  beforeEach(async () => {
    clock = new FakeClock();
    const store = memoryStore({ clock });
    here = await buildCache({ name: 'here', store, clock, process: false });
    there = await buildCache({ name: 'there', store, clock, process: false });
    await here.set('k', 'old', life);
    await clock.advance('12s');
    const load = async (): Promise<string> => {
      await clock.sleep(8_000);
      await whileLoading();
      return 'new';
    };
    expect(await here.getOrSet('k', load, life)).toBe('old');
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  it('is loaded by that alone: whoever asks elsewhere waits for it', async () => {
    let loads = 0;
    let asked: Promise<string | undefined> | undefined;
    whileLoading = async () => {
      asked = there.getOrSet('k', () => `loaded ${++loads} times elsewhere`, life);
      await clock.sleep(1_000);
    };
    await clock.advance('11s');
    expect(await asked).toBe('new');
    expect(loads).toBe(0);
  });

  it('is not waited for by its own loader, which is told so', async () => {
    let told: unknown;
    whileLoading = async () => (told = await here.getOrSet('k', () => 'again', life).catch((error: unknown) => error));
    await clock.advance('11s');
    expect(told).toBeInstanceOf(RecursiveLoadError);
    expect(await here.get('k')).toBe('new');
  });

  it('is loaded at once where the refresh has failed, though its item is there for a while yet', async () => {
    whileLoading = () => Promise.reject(new Error('the source is down'));
    await clock.advance('9500ms');
    expect(await there.getOrSet('k', () => 'loaded elsewhere', life)).toBe('loaded elsewhere');
  });
});
