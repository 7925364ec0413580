import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { CacheLockConfiguration } from '../../src/lock/cache-lock.js';
import { FencingCounter } from '../../src/lock/fencing-counter.js';
import type { Lease } from '../../src/lock/lease.js';
import { placeLock } from '../../src/lock/lock-place.js';
import { decodeRecord, encodeRecord, holderOf } from '../../src/lock/lock-record.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Shard, Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { leaseOf } from './support/open-locks.js';

let clock: VirtualClock;
let store: Store;
let shard: Shard;
let locks: CacheLock;
let away: boolean;

beforeEach(() => {
  clock = new VirtualClock();
  store = memoryStore({ clock });
  [shard] = store.shards;
  away = false;
  const read = shard.readMany.bind(shard);
  shard.readMany = (keys) => (away ? Promise.reject(new StoreUnavailableError('memory', 'it is away')) : read(keys));
  locks = new CacheLock({ store, namespace: 'test', clock, ttl: '30s' });
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const go = (ms: number): Promise<void> => clock.advanceTo(clock.monotonic() + ms, settle);
const reasonOf = ({ signal }: Lease): unknown => (signal.reason as { reason?: string } | undefined)?.reason;

describe('a lease', () => {
  it('is valid for its life less the resolution, and renewed at a third of it', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    const began = clock.monotonic();
    expect(lease.validUntil).toBe(began + 29_999);
    await go(9_999);
    expect(lease.validUntil).toBe(began + 29_999);
    await go(1);
    expect(lease.validUntil).toBe(began + 10_000 + 29_999);
    await go(3_600_000);
    expect(lease.signal.aborted).toBe(false);
    expect(await lease.release()).toBe('released');
  });

  it('ends with its life where it is not renewed, to the millisecond', async () => {
    const lease = leaseOf(await locks.acquire('a', { renew: false }));
    await go(29_998);
    expect(lease.signal.aborted).toBe(false);
    lease.throwIfLost();
    await go(1);
    expect(reasonOf(lease)).toBe('expired');
    expect(() => lease.throwIfLost()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }));
    expect(await lease.renew()).toBe(false);
  });

  it('is tried to be renewed while the store is away, and lost when that lasts until its end', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    away = true;
    await go(29_000);
    expect(lease.signal.aborted).toBe(false);
    expect(await Promise.all([lease.renew(), go(1_000)])).toEqual([false, undefined]);
    expect(reasonOf(lease)).toBe('unreachable');
    away = false;
    const second = leaseOf(await locks.acquire('b'));
    away = true;
    await go(25_000);
    away = false;
    await go(30_000);
    expect(second.signal.aborted).toBe(false);
  });

  it('whose renewal failed is renewed a second later, and tells others how long it lasts then', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    const { validUntil } = lease;
    away = true;
    await go(10_060); // three tries, 20 and 40 ms apart
    away = false;
    await go(999);
    expect(lease.validUntil).toBe(validUntil);
    await go(1);
    expect(lease.validUntil).toBe(validUntil + 11_060);
    await go(1_000);
    expect(await locks.acquire('a')).toEqual({ status: 'held', retryAfterMs: 29_000 });
  });

  it('that ended while it was renewed is not revived by the answer', async () => {
    const lease = leaseOf(await locks.acquire('a', { renew: false }));
    const write = shard.write.bind(shard);
    shard.write = async (...args) => {
      const outcome = await write(...args);
      // The answer is there, and this process is stopped before it reads it.
      clock.now = clock.monotonic = (): number => validUntil;
      return outcome;
    };
    const { signal, validUntil } = lease;
    expect(await lease.renew()).toBe(false);
    expect(lease.validUntil).toBe(validUntil);
    expect(signal.aborted).toBe(true);
  });

  it('answers by the clock when its signal is asked, before any timer ran, and tells listeners then', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    const { signal } = lease;
    let told = 0;
    signal.addEventListener('abort', () => told++);
    const any = AbortSignal.any([signal]);
    expect(signal.aborted).toBe(false);
    const late = clock.monotonic() + 30_000;
    clock.monotonic = () => late;
    expect(told).toBe(0);
    expect(() => signal.throwIfAborted()).toThrow(expect.objectContaining({ reason: 'expired' }));
    expect([signal.aborted, told, any.aborted]).toEqual([true, 1, true]);
  });

  it('is not granted when the store answered after its life', async () => {
    const write = shard.write.bind(shard);
    const { fencingKey } = placeLock(store, 'test', 'a');
    shard.write = async (...args) => {
      if (args[0] === fencingKey) await go(30_000);
      return write(...args);
    };
    expect((await locks.acquire('a')).status).toBe('unavailable');
  });

  it('draws a larger fencing token only while it is held', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    const above = lease.fencingToken + 5_000;
    expect(await lease.raiseFencingToken(above)).toBe(above + 1);
    expect(lease.fencingToken).toBe(above + 1);
    await go(60_000);
    await shard.remove(placeLock(store, 'test', 'a').lockKey);
    await lease.renew();
    await expect(lease.raiseFencingToken(above)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    for (const wrong of [-1, 1.5, NaN, Infinity, Number.MAX_SAFE_INTEGER]) {
      await expect(lease.raiseFencingToken(wrong)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      await expect(locks.repairFencing('a', wrong)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    }
  });

  it('draws no larger fencing token once it was given back: the next holder would be refused', async () => {
    const lease = leaseOf(await locks.acquire('a'));
    lease.throwIfLost();
    const [released, ...late] = [lease.release(), () => lease.throwIfLost(), () => lease.raiseFencingToken(1)];
    for (const step of late) await expect((async () => step())()).rejects.toMatchObject({ reason: 'released' });
    expect(await released).toBe('released');
    const next = leaseOf(await locks.acquire('a'));
    await expect(lease.raiseFencingToken(next.fencingToken + 5_000)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await next.raiseFencingToken(next.fencingToken)).toBeLessThan(next.fencingToken + 5_000);
    const early = locks.using('b', {}, async (own) => `${await own.release()} early`);
    expect(await early).toBe('released early');
  });

  it('begins its fencing tokens at the microseconds since 1970, and takes none when told so', async () => {
    expect(leaseOf(await locks.acquire('a')).fencingToken).toBe(clock.now() * 1_000);
    expect(leaseOf(await locks.acquire('b', { fencing: false })).fencingToken).toBe(0);
  });

  it('draws fencing tokens that follow the clock, though the counter stands', async () => {
    const first = leaseOf(await locks.acquire('a'));
    await first.release();
    await go(5_000);
    expect(leaseOf(await locks.acquire('a')).fencingToken).toBe(clock.now() * 1_000);
  });

  it('draws no fencing token below what its counter was lifted above, however long nobody took the lock', async () => {
    const day = 86_400_000;
    const above = (clock.now() + 10 * day) * 1_000;
    await locks.repairFencing('a', above);
    await go(3 * day);
    const next = new CacheLock({ store, namespace: 'test', clock });
    await next.using('a', {}, ({ fencingToken }) => expect(fencingToken).toBe(above + 2));
    await go(7 * day + 1);
    const last = new CacheLock({ store, namespace: 'test', clock });
    await last.using('a', {}, ({ fencingToken }) => expect(fencingToken).toBe(clock.now() * 1_000));
    await go(2 * day - 1);
    expect(await shard.readMany([placeLock(store, 'test', 'a').fencingKey])).toMatchObject([{}]);
    await go(2);
    expect(await shard.readMany([placeLock(store, 'test', 'a').fencingKey])).toEqual([undefined]);
  });

  it('draws no fencing token twice, however often others draw in between', async () => {
    const place = placeLock(store, 'test', 'a');
    const counter = new FencingCounter(clock);
    const tokens = await Promise.all(Array.from({ length: 5 }, () => counter.draw(place)));
    expect(new Set(tokens).size).toBe(5);
    shard.write = async () => ({ status: 'changed' });
    await expect(counter.draw(place)).rejects.toThrow(StoreUnavailableError);
  });

  it.each(['', 'text', '9007199254740991', '123456789012345678901'])(
    'begins anew where the counter holds %j, which nobody drew',
    async (text) => {
      const { fencingKey } = placeLock(store, 'test', 'a');
      await shard.write(fencingKey, Buffer.from(text), { lifeMs: Infinity });
      expect(leaseOf(await locks.acquire('a')).fencingToken).toBe(clock.now() * 1_000);
    },
  );

  it('keeps its floor when the counter is lost and the clock is behind', async () => {
    const first = leaseOf(await locks.acquire('a'));
    await first.release();
    await shard.remove(placeLock(store, 'test', 'a').fencingKey);
    const now = clock.now();
    clock.now = () => now - 86_400_000;
    expect(leaseOf(await locks.acquire('a')).fencingToken).toBeGreaterThan(first.fencingToken);
  });

  it('names in a text what is locked, and not its token', async () => {
    expect(String(leaseOf(await locks.acquire(['a', 1])))).toBe('lease of a:#1');
  });

  it('is resumed with what is left of it, and renewed from then on where that is asked for', async () => {
    const lease = leaseOf(await locks.acquire(['a', 1], { renew: false }));
    const json = JSON.stringify(lease);
    await go(20_000);
    const quiet = locks.resume(json);
    expect(quiet).toMatchObject({ resource: 'a:#1', token: lease.token, fencingToken: lease.fencingToken });
    expect(quiet.validUntil - clock.monotonic()).toBe(9_999);
    const renewed = locks.resume(JSON.parse(json), { renew: true });
    await go(20_000);
    expect([quiet.signal.aborted, renewed.signal.aborted]).toEqual([true, false]);
    expect(await renewed.release()).toBe('released');
    expect(await quiet.release()).toBe('lost');
  });
});

it('is resumed by options that there are, and no others', async () => {
  const lease = leaseOf(await locks.acquire('a'));
  const error = attempt(() => locks.resume(lease.toJSON(), { renwe: true } as never));
  expect(error?.message).toContain('Did you mean renew?');
});

describe('what no lease wrote', () => {
  it.each([
    [undefined, 'no object'],
    ['{', 'no JSON'],
    ['null', 'no object'],
    [{ version: 2 }, 'version'],
    [{ namespace: 'other' }, "'other'"],
    [{ namespace: 1 }, 'namespace'],
    [{ resource: 'a b' }, 'resource'],
    [{ resource: '#1x' }, 'resource'],
    [{ resource: '%zz' }, 'resource'],
    [{ resource: ['a'] }, 'resource'],
    [{ resource: undefined }, 'resource'],
    [{ token: 'short' }, 'token'],
    [{ token: 'with\r\nflush_all\r\n1234567890' }, 'token'],
    [{ fencingToken: -1 }, 'fencingToken'],
    [{ fencingToken: 1e300 }, 'fencingToken'],
    [{ validUntilEpochMs: 'soon' }, 'validUntilEpochMs'],
    [{ ttlMs: 0 }, 'ttl'],
    [{ ttlMs: 1e12 }, 'ttl'],
  ])('%j is refused, and says why', async (given, why) => {
    const lease = leaseOf(await locks.acquire('a'));
    const json = typeof given === 'object' && !('length' in given) ? { ...lease.toJSON(), ...given } : given;
    const error = attempt(() => locks.resume(json));
    expect(error?.code).toMatch(/INVALID_OPTION|INVALID_DURATION/);
    expect(error?.message).toContain(why);
    expect(error?.message).not.toContain(lease.token);
  });
});

describe('options that make no lock', () => {
  it.each([
    [{ ttl: 0 }, 'lock.ttl'],
    [{ ttl: Infinity }, 'lock.ttl'],
    [{ ttl: -1 }, 'lock.ttl'],
    [{ ttl: NaN }, 'lock.ttl'],
    [{ ttl: '8 days' as const }, 'lock.ttl'],
    [{ ttl: 1 }, 'lock.ttl'],
    [{ wait: Infinity }, 'lock.wait'],
    [{ wait: '2 days' as const }, 'lock.wait'],
  ])('%j are refused', async (options, field) => {
    await expect(locks.acquire('a', options)).rejects.toMatchObject({ code: 'INVALID_DURATION', field });
  });

  it('are refused when the room is built', () => {
    const build = (more: Partial<CacheLockConfiguration>): unknown =>
      attempt(() => new CacheLock({ store, namespace: 'test', ...more }));
    const coarse = { ...store, capabilities: { ...store.capabilities, clockResolutionMs: 1_000 } } as Store;
    const loose = { ...store, capabilities: { ...store.capabilities, atomic: false } } as Store;
    const moving = { ...store, capabilities: { ...store.capabilities, movesKeys: true } } as Store;
    expect(build({ store: coarse, ttl: 1_999 })).toMatchObject({ code: 'INVALID_DURATION' });
    expect(build({ store: coarse, ttl: 2_000 })).toBeUndefined();
    expect(build({ store: loose })).toMatchObject({ code: 'INVALID_OPTION', option: 'lock.store' });
    expect(build({ store: moving })).toMatchObject({ code: 'INVALID_OPTION', option: 'lock.store' });
    expect(build({ reach: 'process' })).toBeUndefined();
    expect(build({ reach: 'planet' as never })).toMatchObject({ code: 'INVALID_OPTION', option: 'lock.reach' });
    expect(build({ reach: 'host' })).toMatchObject({ code: 'INVALID_OPTION', option: 'lock.reach' });
    expect(build({ reach: 'fleet' })).toMatchObject({ code: 'INVALID_OPTION', option: 'lock.reach' });
    expect(build({ deadline: 0 })).toMatchObject({ code: 'INVALID_DURATION' });
  });

  it.each([[[]], [['a', NaN]], [['a', undefined as never]], ['\ud800']])('resource %j is refused', async (resource) => {
    await expect(locks.acquire(resource)).rejects.toMatchObject({ code: 'INVALID_KEY' });
  });
});

describe('the place and the bytes of a lock', () => {
  it('are these', () => {
    const record = { holder: holderOf('AAAAAAAAAAAAAAAAAAAAAAAA'), until: 1_700_000_000_000.5, ttlMs: 60_000 };
    const bytes = encodeRecord(record);
    expect(bytes.toString()).toBe('2 G9qfCu2AhX1DyTKUV_KLHKKfc2oMU5kB4boWqQnrB7Q 1700000000001 60000');
    expect(decodeRecord(bytes)).toEqual({ ...record, until: 1_700_000_000_001 });
    // Format 1 held the token itself.
    expect(decodeRecord(Buffer.from('1 AAAAAAAAAAAAAAAAAAAAAAAA 1700000000001 60000'))).toEqual(decodeRecord(bytes));
    for (let cut = 0; cut < bytes.length - 4; cut++) {
      expect(decodeRecord(bytes.subarray(0, cut))).toBeUndefined();
    }
    expect(placeLock(store, 'my app', ['a', 1])).toMatchObject({
      lockKey: 'my%20app~lock:a:#1',
      fencingKey: 'my%20app~lock:a:#1~f',
      resource: 'a:#1',
    });
  });

  it('fit on every wire, however long the names', () => {
    const places = ['x'.repeat(10), 'x'.repeat(300), 'x'.repeat(301)].flatMap((text) => [
      placeLock(store, 'n', text),
      placeLock(store, text, 'r'),
      placeLock(store, text, text),
    ]);
    for (const { lockKey, fencingKey } of places) {
      expect(Math.max(lockKey.length, fencingKey.length)).toBeLessThanOrEqual(245);
    }
    expect(new Set(places.flatMap(({ lockKey, fencingKey }) => [lockKey, fencingKey])).size).toBe(2 * places.length);
  });
});

function attempt(act: () => unknown): (Error & { code?: string }) | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
