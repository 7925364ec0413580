import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheConfiguration } from '../../src/cache/cache-configuration.js';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { upstreamVersion } from '../../src/cache/upstream-version.js';
import { defineKey } from '../../src/catalogue/define-key.js';
import { text } from '../../src/codec/text.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { buildCache } from '../support/build-cache.js';
import { recordEvents } from '../support/recorded-events.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';

describe('the version of a source, by a clock that stands still', () => {
  let clock: VirtualClock;
  let store: Store;
  let asked: number;
  let modified: string | number | Date | null | undefined;
  const scope = new RequestScope();
  const caches: TieredCache[] = [];
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const later = (ms: number) => clock.advanceTo(clock.now() + ms, settle);
  const cacheWith = async (configuration: Partial<CacheConfiguration> = {}): Promise<TieredCache> => {
    const cache = await buildCache({ store, clock, scope, ...configuration });
    caches.push(cache);
    return cache;
  };
  const read = () => (asked++, modified);
  beforeEach(() => {
    clock = new VirtualClock();
    store = memoryStore({ clock });
    asked = 0;
    modified = 'monday';
  });
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  it('is asked for once in 5 seconds by all processes together, and a change is seen then', async () => {
    const [one, other] = [await cacheWith(), await cacheWith()];
    const content = async (cache: TieredCache): Promise<string> => {
      const version = await upstreamVersion(cache, 'modified', read);
      return cache.getOrSet('content', () => `as of ${String(modified)}`, { ttl: '6h', ...(version && { version }) });
    };
    for (let turn = 0; turn < 5; turn++) {
      for (const cache of [one, other]) expect(await content(cache)).toBe('as of monday');
      await later(999);
    }
    expect(asked).toBe(1);
    modified = 'tuesday';
    expect(await content(one)).toBe('as of monday');
    await later(5);
    for (const cache of [one, other]) expect(await content(cache)).toBe('as of tuesday');
    expect(asked).toBe(2);
  });

  it('is one for a whole request, and with a ttl of 0 for no other', async () => {
    const cache = await cacheWith();
    await scope.run(async () => {
      for (let turn = 0; turn < 3; turn++) {
        expect(await upstreamVersion(cache, 'modified', read, { ttl: 0 })).toBe('monday');
        modified = 'tuesday';
        await later(60_000);
      }
    });
    expect(asked).toBe(1);
    expect(await scope.run(() => upstreamVersion(cache, 'modified', read, { ttl: 0 }))).toBe('tuesday');
    expect(asked).toBe(2);
  });

  it('lives as its key class says', async () => {
    const cache = await cacheWith();
    const key = defineKey('modified:{uid}', { owner: 'test', holds: 'a date', codec: text(), ttl: '1m' })({ uid: 'a' });
    await upstreamVersion(cache, key, read);
    await later(59_999);
    await upstreamVersion(cache, key, read);
    expect(asked).toBe(1);
    await later(1);
    await upstreamVersion(cache, key, read);
    expect(asked).toBe(2);
  });

  it('is text, also of numbers and dates, and undefined where the source does not say', async () => {
    const cache = await cacheWith();
    const told: unknown[] = [];
    for (const [index, value] of [7, 0, new Date(86_400_000), '', null, undefined].entries()) {
      modified = value;
      for (let turn = 0; turn < 2; turn++) told.push(await upstreamVersion(cache, `modified ${index}`, read));
    }
    expect(told).toEqual(
      ['7', '0', '86400000', undefined, undefined, undefined].flatMap((version) => [version, version]),
    );
    expect(asked).toBe(6); // not to say is an answer, too
  });

  it('that can’t be asked for takes any entry, with an event; an answer is passed on', async () => {
    const cache = await cacheWith();
    const events = recordEvents('fault');
    const down = new Error('down');
    expect(await upstreamVersion(cache, 'modified', () => Promise.reject(down))).toBeUndefined();
    expect(events.all).toMatchObject([{ kind: 'background-load', key: 'modified', cause: down }]);
    expect(await upstreamVersion(cache, 'unclear', () => NaN)).toBeUndefined();
    expect(events.all).toMatchObject([{}, { key: 'unclear', cause: { option: 'version' } }]);
    const forbidden = Object.assign(new Error('forbidden'), { status: 403 });
    await later(2_000);
    await expect(upstreamVersion(cache, 'modified', () => Promise.reject(forbidden))).rejects.toBe(forbidden);
    events.stop();
  });

  const strict = defineKey('modified:{uid}', {
    owner: 'test',
    holds: 'a date',
    codec: text(),
    staleIfError: () => false,
  })({ uid: 'a' });
  it.each([
    ['its key class', strict, {}],
    ['the cache’s defaults', 'modified', { defaults: { staleIfError: () => false } }],
  ] as const)('that can’t be asked for is an error where staleIfError of %s says so', async (_, key, configuration) => {
    const cache = await cacheWith(configuration);
    const down = new Error('down');
    await expect(upstreamVersion(cache, key, () => Promise.reject(down))).rejects.toBe(down);
  });

  it('that can’t be asked for by mistake of the caller is an error', async () => {
    const cache = await cacheWith();
    const events = recordEvents('fault');
    const given = (one: unknown): never => one as never;
    for (const [ask, options, code] of [
      [read, { ttl: -1 }, 'INVALID_DURATION'],
      [read, { tlt: 1 }, 'INVALID_OPTION'],
      [read, { staleIfError: 5 }, 'INVALID_OPTION'],
      ['monday', {}, 'INVALID_OPTION'],
    ])
      await expect(upstreamVersion(cache, 'modified', given(ask), given(options))).rejects.toMatchObject({ code });
    expect([asked, events.all]).toEqual([0, []]);
    events.stop();
  });
});
