import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { guarded } from '../../src/origin/guarded-store.js';
import { maxCounter } from '../../src/store/sound-counter.js';
import type { Store } from '../../src/store/store.js';
import { buildCache } from '../support/build-cache.js';
import { logRead } from '../support/log-read.js';
import { recordEvents } from '../support/recorded-events.js';
import { patience } from '../support/patience.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

const forever = { lifeMs: Infinity } as const;
const hundredDaysMs = 100 * 24 * 3_600_000;

/** What somebody does who can write to the store and has no secret. */
class Intruder {
  constructor(private readonly store: Store) {}

  async write(storeKey: string, text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
    await this.store.shardOf(storeKey).write(storeKey, bytes, forever);
  }

  /** Counts as the server does: its own bytes for a counter. */
  async count(storeKey: string, number: number): Promise<void> {
    const shard = this.store.shardOf(storeKey);
    await shard.remove(storeKey);
    await shard.increment(storeKey, 0, number);
  }

  async read(storeKey: string): Promise<Buffer> {
    const [item] = await this.store.shardOf(storeKey).readMany([storeKey]);
    if (!item) throw new Error(`${storeKey} is absent`);
    return Buffer.from(item.bytes);
  }
}

/** The rows of a list of versions. */
const versionsIn = (list: Buffer): [string, string, number, number][] =>
  (JSON.parse(String(list)) as [number, number, [string, string, number, number][]])[2];

describe.each(storePlaceNames)('whoever can write to the %s store', (name) => {
  let place: StorePlace;
  let store: Store;
  let cache: TieredCache;
  let intruder: Intruder;
  /** Each test has its own. */
  let namespace: string;
  let tests = 0;
  beforeAll(async () => {
    place = await storePlaces[name]();
  });
  beforeEach(async () => {
    namespace = `test${++tests}`;
    store = place.connect();
    cache = await buildCache({ name: namespace, store, namespace, process: false });
    intruder = new Intruder(store);
  });
  afterEach(() => cache.close());
  afterAll(() => place.remove());

  it.each(['9007199254740991', 'text'])('stops no tag with a counter of %s', async (counter) => {
    let rows = 0;
    const load = (): Promise<number> => cache.getOrSet('a', () => ++rows, { tags: ['t'] });
    expect(await load()).toBe(1);
    await intruder.write(`${namespace}~tag:t`, counter);
    const faults = recordEvents('fault');
    expect(await load()).toBe(2);
    expect(await load()).toBe(2);
    expect(faults.of('fault').map(({ kind, key }) => `${kind} ${key}`)).toContain(`undecodable ${namespace}~tag:t`);
    faults.stop();
    expect(await cache.invalidateTags('t')).toBe(true);
    expect(await load()).toBe(3);
  });

  it('stops no fencing counter at the end of all numbers', async () => {
    const locks = new CacheLock({ store: guarded(store), namespace, deadline: patience.commandTimeout });
    const draw = (): Promise<number> => locks.using('r', {}, ({ fencingToken }) => fencingToken);
    const before = await draw();
    for (const number of [Number.MAX_SAFE_INTEGER, maxCounter + 1]) {
      await intruder.count(`${namespace}~lock:r~f`, number);
      const after = await draw();
      expect(after).toBeGreaterThan(before);
      expect(after).toBeLessThan(maxCounter);
      expect(await draw()).toBeGreaterThan(after);
    }
  });

  it('lets no record claim that a lock is held for 300,000 years', async () => {
    const locks = new CacheLock({ store: guarded(store), namespace, deadline: patience.commandTimeout });
    await intruder.write(`${namespace}~lock:r`, `2 ${'A'.repeat(43)} 9999999999999999 9999999999999999`);
    const outcome = await locks.acquire('r');
    expect(outcome).toMatchObject({ status: 'held' });
    expect((outcome as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(7 * 24 * 3_600_000);
  });

  it('clears for the last time with no registry', async () => {
    let rows = 0;
    const load = (): Promise<number> => cache.getOrSet('a', () => ++rows);
    await load();
    await intruder.write(`${namespace}~versions`, `[2,${Number.MAX_SAFE_INTEGER},[]]`);
    await cache.dangerouslyClear();
    expect(await load()).toBe(2);
    expect(await load()).toBe(2);
    await cache.dangerouslyClear();
    expect(await load()).toBe(3);
  });

  it.each([
    ['with a space', 'bad prefix'],
    ['with a line break', 'bad\n'],
    ['that leaves no room for a key', 'p'.repeat(240)],
  ])('stops no set and no delete with a prefix %s in the list of versions', async (_title, prefix) => {
    await cache.set('abcdef', 1);
    const list = `${namespace}~versions`;
    const [own] = versionsIn(await intruder.read(list)) as [[string, string, number, number]];
    const faults = recordEvents('fault');
    await intruder.write(list, JSON.stringify([2, 1, [own, [prefix, own[1], 7, Date.now()]]]));
    await logRead(namespace);
    faults.stop();
    await cache.set('abcdef', 2);
    expect(await cache.get('abcdef')).toBe(2);
    expect(await cache.delete('abcdef')).toBe(true);
    expect(versionsIn(await intruder.read(list)).map(([listed]) => listed)).toEqual([own[0]]);
    expect(faults.of('fault').map(({ kind, key }) => `${kind} ${key}`)).toEqual([`undecodable ${list}`]);
  });

  it('crowds none out of the list of versions with versions that claim to be renewed in the far future', async () => {
    await cache.set('a', 1);
    const list = `${namespace}~versions`;
    const [own] = versionsIn(await intruder.read(list)) as [[string, string, number, number]];
    const crowd = Array.from({ length: 15 }, (_, index) => [`${namespace}:crowd${index}::`, own[1], 7, 1e300]);
    await intruder.write(list, JSON.stringify([2, 1, [...crowd, own]]));
    const other = await buildCache({ store: place.connect(), namespace, packageVersion: '2.0.0', process: false });
    await other.set('a', 2);
    await other.close();
    const listed = versionsIn(await intruder.read(list)).map(([prefix]) => prefix);
    expect(listed.slice(0, 2)).toEqual([own[0].replace('1.0.0', '2.0.0'), own[0]]);
  });

  it('serves no entry of a generation beyond all clearings', async () => {
    await cache.set('a', 'genuine');
    const storeKey = cache.storeKey('a');
    const { payload: _payload, ...head } = openEnvelope(storeKey, await intruder.read(storeKey));
    for (const generation of [Infinity, NaN, Number.MAX_SAFE_INTEGER, 0.5]) {
      const forged = sealEnvelope(storeKey, { ...head, generation }, Buffer.from('"forged"'));
      await intruder.write(storeKey, forged);
      expect(await cache.get('a')).toBeUndefined();
      await cache.dangerouslyClear();
      await intruder.write(storeKey, forged);
      expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    }
  });

  it('keeps no lock and no counter of old names for good', async () => {
    const locks = new CacheLock({ store: guarded(store), namespace, deadline: patience.commandTimeout });
    const lives: number[] = [];
    for (const shard of store.shards) {
      const draw = shard.draw?.bind(shard);
      if (draw) {
        shard.draw = (key, atLeast, lifeMs) => {
          lives.push(lifeMs);
          return draw(key, atLeast, lifeMs);
        };
      }
      const write = shard.write.bind(shard);
      shard.write = (key, bytes, options) => {
        lives.push(options.lifeMs);
        return write(key, bytes, options);
      };
    }
    await locks.using('r', {}, () => {});
    // Of the lock, and of its counter.
    expect(lives).toHaveLength(2);
    for (const lifeMs of lives) expect(lifeMs).toBeLessThan(hundredDaysMs);
  });
});
