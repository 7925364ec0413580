import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TieredCache } from '../../src/cache/tiered-cache.js';
import { readEnvironment } from '../../src/cache/configuration/environment.js';
import { openEnvelope, sealEnvelope } from '../../src/codec/envelope.js';
import { Integrity } from '../../src/codec/integrity.js';
import type { IntegrityKey } from '../../src/codec/integrity.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { authenticated } from '../../src/origin/authenticated-store.js';
import { guarded } from '../../src/origin/guarded-store.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import { storeContract } from '../../src/testing/store-contract.js';
import { systemClock } from '../../src/value/clock.js';
import { InvalidOptionError } from '../../src/value/errors.js';
import { buildCache } from '../support/build-cache.js';
import { eventually } from '../support/eventually.js';
import { logRead } from '../support/log-read.js';
import { recordEvents } from '../support/recorded-events.js';
import { patience } from '../support/patience.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

const old: IntegrityKey = { id: 'old', secret: 'o'.repeat(32) };
const young: IntegrityKey = { id: 'young', secret: 'y'.repeat(32) };
const stranger: IntegrityKey = { id: 'old', secret: 's'.repeat(32) };
const forever = { lifeMs: Infinity } as const;

storeContract(
  { describe, it },
  {
    name: 'memory, signed',
    tooLargeBytes: 1_000_000,
    open: async () => {
      let nowMs = Date.now();
      const clock = { ...systemClock, now: () => nowMs, monotonic: () => nowMs };
      const store = authenticated(memoryStore({ maxItemBytes: 500_000, clock }), new Integrity({ keys: [old] }));
      await store.open();
      return { store, advance: (milliseconds) => void (nowMs += milliseconds), dispose: () => {} };
    },
  },
);

describe('a signature', () => {
  it('has these bytes', () => {
    const sealed = new Integrity({ keys: [{ id: 'k1', secret: Buffer.alloc(32, 7) }] }).seal('a:b', Buffer.from('x'));
    expect(sealed.toString('hex')).toBe(
      '4e54480102' + '6b31' + 'c75d2703181b32cbe891c85dbd8c34c8cda90d3a5764b86fa4559e81c11dca44' + '78',
    );
  });

  it('holds for one key, one secret and all bytes', () => {
    const integrity = new Integrity({ keys: [old] });
    const sealed = integrity.seal('a', Buffer.from('value'));
    expect(integrity.open('a', sealed)?.toString()).toBe('value');
    expect(integrity.open('b', sealed)).toBeUndefined();
    expect(new Integrity({ keys: [stranger] }).open('a', sealed)).toBeUndefined();
    for (let at = 0; at < sealed.length; at++) {
      expect(integrity.open('a', sealed.subarray(0, at))).toBeUndefined();
      const flipped = Buffer.from(sealed);
      flipped[at] = (flipped[at] as number) ^ 1;
      expect(integrity.open('a', flipped)).toBeUndefined();
    }
  });

  it.each([
    [{ keys: [] }, /no key/],
    [{ keys: [{ id: 'a b', secret: 'x'.repeat(32) }] }, /id of a key/],
    [{ keys: [{ id: 'a', secret: 'too short' }] }, /fewer than 32 bytes.*openssl rand/],
    [{ keys: [old, stranger] }, /same id/],
    [{ keys: [{ ...old, secrets: '' }] }, /secrets/],
  ])('%#: needs sound keys, and quotes none', (options, problem) => {
    expect(() => new Integrity(options as never)).toThrow(problem);
    expect(() => new Integrity(options as never)).toThrow(InvalidOptionError);
    expect(() => new Integrity(options as never)).not.toThrow(/too short/);
  });

  it('comes from the environment as well', () => {
    const environment = (given: string): Integrity | undefined =>
      readEnvironment({ CACHE_INTEGRITY_KEYS: given }).integrity;
    const both = environment(`young:${young.secret as string}, old:${old.secret as string}`);
    const sealed = new Integrity({ keys: [old] }).seal('a', Buffer.from('1'));
    expect(both?.open('a', sealed)?.toString()).toBe('1');
    expect(both?.seal('a', Buffer.from('1')).toString('latin1', 5, 10)).toBe('young');
    expect(environment(' ')).toBeUndefined();
    expect(() => environment('s3cret')).toThrow(/CACHE_INTEGRITY_KEYS.*id:secret/);
    expect(() => environment('old:s3cret')).not.toThrow(/s3cret/);
  });
});

it('a cache shows its secrets nowhere', async () => {
  const cache = await buildCache({ integrity: { keys: [old] } });
  await cache.set('a', 1);
  const said = inspect(cache, { depth: 8, showHidden: true }) + JSON.stringify(new Integrity({ keys: [old] }));
  expect(said).toContain('old');
  expect(said).not.toContain(old.secret);
  await cache.close();
});

describe.each(storePlaceNames)('on the %s store, integrity', (name) => {
  let place: StorePlace;
  let raw: Store;
  /** Each test has its own. */
  let namespace: string;
  let tests = 0;
  const open: TieredCache[] = [];
  const cacheOf = (...keys: IntegrityKey[]): Promise<TieredCache> => cacheCalled('default', ...keys);
  const cacheCalled = async (name: string, ...keys: IntegrityKey[]): Promise<TieredCache> => {
    const cache = await buildCache({
      name,
      store: place.connect(),
      namespace,
      ...(keys.length > 0 && { integrity: { keys } }),
      coherence: { interval: 50 },
    });
    open.push(cache);
    return cache;
  };
  const rawBytes = async (storeKey: string): Promise<Buffer> => {
    const [item] = await raw.shards[0].readMany([storeKey]);
    return Buffer.from(item?.bytes ?? []);
  };
  const faults = (): ReturnType<typeof recordEvents> => recordEvents('fault', 'nearCleared');

  beforeAll(async () => {
    place = await storePlaces[name]();
    raw = place.connect();
    await raw.open();
  });
  beforeEach(() => {
    namespace = `test${++tests}`;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((cache) => cache.close()));
  });
  afterAll(async () => {
    await raw.close();
    await place.remove();
  });

  it('goes on through a change of keys: no entry is lost, and the one that was dropped counts no more', async () => {
    const first = await cacheOf(old);
    await first.set('a', 'kept', { tags: ['t'] });
    const second = await cacheOf(old, young);
    expect(await second.get('a')).toBe('kept');
    const third = await cacheOf(young, old);
    expect(await third.get('a')).toBe('kept');
    await third.set('b', 'signed anew');
    expect(await second.get('b')).toBe('signed anew');
    await third.delete('a');
    await eventually(() => expect(second.peek('a')).toBeUndefined());
    const last = await cacheOf(young);
    await first.set('c', 'by the dropped one');
    expect(await last.get('c')).toBeUndefined();
  });

  it.each([
    ['with it, no forged entry is served, moved from another key or made with another secret', true],
    ['control: without it, an entry with a right checksum is', false],
  ])('%s', async (_title, isOn) => {
    const cache = isOn ? await cacheOf(old) : await cacheOf();
    await cache.set('a', 'genuine');
    await cache.set('b', 'of b');
    const [a, b] = [cache.storeKey('a'), cache.storeKey('b')];
    const integrity = new Integrity({ keys: [old] });
    const envelope = isOn ? (integrity.open(a, await rawBytes(a)) as Buffer) : await rawBytes(a);
    const { payload: _payload, ...head } = openEnvelope(a, envelope);
    const forged = sealEnvelope(a, head, Buffer.from('"forged"'));
    const reader = isOn ? await cacheOf(old) : await cacheOf();
    const events = faults();
    for (const bytes of [forged, new Integrity({ keys: [stranger] }).seal(a, forged), await rawBytes(b)]) {
      await raw.shards[0].write(a, bytes, forever);
      const found = await reader.get('a');
      if (isOn) expect(found).toBeUndefined();
      else if (bytes === forged) return expect(found).toBe('forged');
    }
    expect(events.of('fault').filter(({ kind }) => kind === 'unauthentic').length).toBeGreaterThanOrEqual(3);
    expect(await reader.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(await (await cacheOf(old)).get('a')).toBe('loaded');
    events.stop();
  });

  it('a forged record of the feed is a gap: near copies go, and what comes later is heard', async () => {
    const [reader, writer] = [await cacheOf(old), await cacheOf(old)];
    await writer.set('a', 1);
    expect(await reader.get('a')).toBe(1);
    const events = faults();
    await raw.shards[0].invalidate?.({
      feed: namespace,
      changes: [],
      records: [Buffer.from('[2,"AAAAAAAAAAAA",1,1,["z"],[]]')],
      watch: `${namespace}~versions`,
    });
    await eventually(() => expect(events.of('nearCleared').length).toBeGreaterThan(0));
    expect(events.of('nearCleared')[0]).toMatchObject({ reason: 'a record that nobody has signed' });
    expect(events.of('fault').map(({ kind }) => kind)).toContain('unauthentic');
    events.stop();
    expect(await reader.get('a')).toBe(1);
    await writer.set('a', 2);
    await eventually(async () => expect(await reader.get('a')).toBe(2));
  });

  it('a forged list of versions clears nothing twice and revives nothing', async () => {
    const cache = await cacheOf(old);
    await cache.set('a', 1);
    await cache.dangerouslyClear();
    await raw.shards[0].write(`${namespace}~versions`, Buffer.from('[2,0,[]]'), forever);
    const other = await cacheOf(old);
    expect(await other.get('a')).toBeUndefined();
    expect(await other.getOrSet('a', () => 2)).toBe(2);
    await other.dangerouslyClear();
    expect(await other.get('a')).toBeUndefined();
  });

  it.each([
    ['a clear', false],
    ['a clear that had no room and removed it', true],
  ])(
    'an older list of versions that is put back revives nothing in a process that knew of %s',
    async (_title, isFull) => {
      const list = `${namespace}~versions`;
      const [writer, reader] = [await cacheCalled('writer', old), await cacheCalled('reader', old)];
      const bothRead = (): Promise<unknown> => Promise.all([logRead('writer'), logRead('reader')]);
      await writer.set('a', 'cleared');
      expect(await reader.get('a')).toBe('cleared');
      const before = await rawBytes(list);
      if (isFull) await raw.shards[0].remove(list);
      else await writer.dangerouslyClear();
      await bothRead();
      const events = faults();
      await raw.shards[0].write(list, before, forever);
      await bothRead();
      expect(await writer.get('a')).toBeUndefined();
      expect(await reader.get('a')).toBeUndefined();
      events.stop();
      expect(events.of('fault').map(({ kind, key }) => `${kind} ${key}`)).toContain(`degraded ${list}`);
      await writer.set('a', 'new');
      expect(await reader.get('a')).toBe('new');
    },
  );

  it('control: in a process that starts later, such a list revives what was cleared', async () => {
    const writer = await cacheOf(old);
    await writer.set('a', 'cleared');
    const before = await rawBytes(`${namespace}~versions`);
    await writer.dangerouslyClear();
    await writer.close();
    await raw.shards[0].write(`${namespace}~versions`, before, forever);
    expect(await (await cacheOf(old)).get('a')).toBe('cleared');
  });

  it('a rewritten lock record holds nobody up, where it would without', async () => {
    const locksOf = (store: Store): CacheLock => new CacheLock({ store, namespace, deadline: patience.commandTimeout });
    const guard = guarded(raw);
    const signed = locksOf(authenticated(guard, new Integrity({ keys: [old] })));
    const bytes = Buffer.from(`2 ${'A'.repeat(43)} 9999999999999 604800000`);
    await raw.shards[0].write(`${namespace}~lock:r`, bytes, forever);
    expect(await locksOf(guard).acquire('r')).toMatchObject({ status: 'held' });
    const outcome = await signed.acquire('r');
    expect(outcome.status).toBe('acquired');
    // A genuine one still does.
    expect(await signed.acquire('r')).toMatchObject({ status: 'held' });
    if (outcome.status === 'acquired') expect(await outcome.lease.release()).toBe('released');
  });
});
