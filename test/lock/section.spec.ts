import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { LockProtections } from '../../src/lock/lease.js';
import { placeLock } from '../../src/lock/lock-place.js';
import { memoryStore } from '../../src/store/memory-store.js';
import type { Store } from '../../src/store/store.js';
import {
  InvalidKeyError,
  LeaseLostError,
  LockHeldError,
  LockUnavailableError,
  StoreUnavailableError,
} from '../../src/value/errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';
import { storePlaceNames, storePlaces } from '../support/store-places.js';
import { leaseOf } from './support/open-locks.js';

const rooms: CacheLock[] = [];

afterEach(async () => {
  for (const room of rooms.splice(0)) await room.shutdown(0);
});

function room(store: Store = memoryStore(), protections: LockProtections = {}): CacheLock {
  const locks = new CacheLock({ store, namespace: 'test' }, protections);
  rooms.push(locks);
  return locks;
}

/** A memory store whose operations can be made to fail. */
function breakable(): { store: Store; breaks: { on: boolean } } {
  const store = memoryStore();
  const [shard] = store.shards;
  const breaks = { on: false };
  for (const name of ['readMany', 'write', 'remove', 'increment'] as const) {
    const whole = shard[name].bind(shard) as (...args: unknown[]) => Promise<never>;
    shard[name] = (...args: unknown[]): Promise<never> =>
      breaks.on ? Promise.reject(new StoreUnavailableError('memory', 'it is broken')) : whole(...args);
  }
  return { store, breaks };
}

describe('a section', () => {
  it.each([undefined, null, 5, {}, new Set(['a'])])('is never of a resource that is %p', async (resource) => {
    const entering = room().using(resource as never, {}, () => 1);
    await expect(entering).rejects.toThrow(InvalidKeyError);
    await expect(entering).rejects.toThrow("A lock's resource is a text, a list of key parts or a Key.");
  });

  it.each(storePlaceNames)(
    'L10 on %s that throws passes on the same error, and the lock is free at once',
    async (name) => {
      const place = await storePlaces[name]();
      const store = place.connect();
      await store.open();
      const locks = room(store);
      const error = new Error('of the section');
      for (const fail of [
        () => Promise.reject(error),
        () => {
          throw error;
        },
      ]) {
        await expect(locks.using('a', {}, fail)).rejects.toBe(error);
        expect(await locks.using('a', {}, () => 'next')).toBe('next');
      }
      await store.close();
      await place.remove();
    },
  );

  it('needs no options', async () => {
    const locks = room();
    const value: number = await locks.using('a', async (lease) => lease.fencingToken);
    expect(value).toBeGreaterThan(0);
    await locks.using('a', async () => {
      await expect(locks.using('a', () => 'not alone')).rejects.toThrow(LockHeldError);
    });
  });

  it.each([[[]], [[{}]], [[{ ttl: '1m' }, undefined]], [[{}, 5]]])('is no section without work: %p', async (given) => {
    const using = (...rest: unknown[]): Promise<unknown> => room().using('a', ...(rest as [() => unknown]));
    await expect(using(...given)).rejects.toThrow('work: it is no function. Give one that runs under the lock.');
  });

  it('does not run under options that do not exist', async () => {
    const misspelt = { tll: '1s' } as object;
    await expect(room().using('a', misspelt, () => 'ran')).rejects.toThrow(
      'tll: CacheLock has no such option. Did you mean ttl?',
    );
  });

  it('does not run when the lock is held, or when nobody can know', async () => {
    const { store, breaks } = breakable();
    const locks = room(store);
    leaseOf(await locks.acquire(['a', 1]));
    let ran = 0;
    const held: unknown = await locks.using(['a', 1], {}, () => ran++).catch((error: unknown) => error);
    expect(held).toBeInstanceOf(LockHeldError);
    expect(held).toMatchObject({ resource: 'a:#1' });
    expect((held as LockHeldError).retryAfterMs).toBeGreaterThan(59_000);
    breaks.on = true;
    const unavailable: unknown = await locks.using('b', {}, () => ran++).catch((error: unknown) => error);
    expect(unavailable).toBeInstanceOf(LockUnavailableError);
    expect((unavailable as LockUnavailableError).cause).toBeInstanceOf(StoreUnavailableError);
    expect(ran).toBe(0);
  });

  it('that returned after its lock was known to be lost rejects, and one that threw throws what it threw', async () => {
    const store = memoryStore();
    const locks = room(store);
    const { shard, lockKey } = placeLock(store, 'test', 'a');
    const events = recordEvents('lockAcquired', 'lockLost', 'lockReleased');
    const loses = (end: () => string): Promise<string> =>
      locks.using('a', {}, async (lease) => {
        await shard.remove(lockKey);
        await lease.renew();
        return end();
      });
    const lost: unknown = await loses(() => 'x').catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(LeaseLostError);
    expect(lost).toMatchObject({ code: 'LEASE_LOST', resource: 'a', reason: 'gone' });
    expect(events.transcript).toEqual(['lockAcquired', 'lockLost', 'lockReleased']);
    expect(events.all.slice(1)).toEqual([
      { event: 'lockLost', resource: 'a', reason: 'gone' },
      { event: 'lockReleased', resource: 'a', outcome: 'lost' },
    ]);
    events.stop();
    const error = new Error('of the section');
    await expect(
      loses(() => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it.each(storePlaceNames)('on %s rejects where its release finds that somebody else has the lock', async (name) => {
    const place = await storePlaces[name]();
    const store = place.connect();
    await store.open();
    const { shard, lockKey } = placeLock(store, 'test', 'a');
    const rivals = room(store);
    const events = recordEvents('lockReleased', 'lockLost');
    const section = room(store).using('a', {}, async () => {
      await shard.remove(lockKey);
      leaseOf(await rivals.acquire('a'));
      return 'x';
    });
    await expect(section).rejects.toMatchObject({ code: 'LEASE_LOST', resource: 'a', reason: 'taken' });
    expect(events.all).toEqual([
      { event: 'lockLost', resource: 'a', reason: 'taken' },
      { event: 'lockReleased', resource: 'a', outcome: 'lost' },
    ]);
    events.stop();
    expect((await rivals.acquire('a')).status).toBe('held');
    await rivals.shutdown(0);
    await store.close();
    await place.remove();
  });

  it('rejects where its release finds no lock at all, and not when it throws', async () => {
    const store = memoryStore();
    const locks = room(store);
    const { shard, lockKey } = placeLock(store, 'test', 'a');
    const section = locks.using('a', {}, () => shard.remove(lockKey));
    await expect(section).rejects.toMatchObject({ code: 'LEASE_LOST', resource: 'a', reason: 'gone' });
    const error = new Error('of the section');
    const failing = locks.using('a', {}, async () => {
      await shard.remove(lockKey);
      throw error;
    });
    await expect(failing).rejects.toBe(error);
  });

  it('that returned in time keeps its result where the life of its lock ends while it is given back', async () => {
    const clock = new FakeClock();
    const store = memoryStore({ clock });
    const locks = new CacheLock({ store, namespace: 'test', clock, deadline: '10m' });
    const [shard] = store.shards;
    const read = shard.readMany.bind(shard);
    const events = recordEvents('lockReleased', 'lockLost');
    const result = await locks.using('a', { ttl: '5s' }, () => {
      shard.readMany = async (keys) => {
        await clock.advance('6s');
        return read(keys);
      };
      return 'x';
    });
    events.stop();
    expect(result).toBe('x');
    expect(events.all).toEqual([{ event: 'lockReleased', resource: 'a', outcome: 'lost' }]);
  });

  it('that asks for its own resource waits for itself, and is told held', async () => {
    const locks = room();
    const within = locks.using('a', {}, () =>
      locks.using('a', { wait: 20 }, () => 'within').catch((error: unknown) => error),
    );
    expect(await within).toBeInstanceOf(LockHeldError);
    expect(await locks.using('a', {}, () => locks.using('b', {}, () => 'within'))).toBe('within');
  });

  it('may release before it ends, and dispose of its lease', async () => {
    const locks = room();
    const outcome = await locks.using('a', {}, async (lease) => {
      await lease[Symbol.asyncDispose]();
      leaseOf(await locks.acquire('a'));
      return lease.signal.aborted;
    });
    expect(outcome).toBe(false);
    expect((await locks.acquire('a')).status).toBe('held');
  });
});

describe('a shutdown', () => {
  it('waits for sections and leases, and takes no new ones', async () => {
    const locks = room();
    const lease = leaseOf(await locks.acquire('b'));
    let finish = (): void => {};
    const section = locks.using('a', {}, () => new Promise<string>((resolve) => (finish = () => resolve('done'))));
    const waiting = locks.acquire('b', { wait: '1m' });
    await turn();
    let over = false;
    const shutdown = locks.shutdown(600_000).then(() => (over = true));
    expect(await waiting).toMatchObject({ status: 'unavailable' });
    expect(await locks.acquire('c')).toMatchObject({ status: 'unavailable' });
    finish();
    expect(await section).toBe('done');
    await turn();
    expect(over).toBe(false);
    expect(await lease.release()).toBe('released');
    await shutdown;
  });

  it('aborts what runs at its limit, and frees the locks; serialized leases stay', async () => {
    const store = memoryStore();
    const locks = room(store);
    const other = room(store);
    const kept = leaseOf(await locks.acquire('kept'));
    const json = JSON.stringify(kept);
    const section = locks.using(
      'a',
      {},
      (lease) =>
        new Promise((_, reject) => {
          lease.signal.addEventListener('abort', () => reject(lease.signal.reason));
        }),
    );
    const failed = section.catch((error: unknown) => error);
    await eventually(async () => expect(await other.acquire('a')).toMatchObject({ status: 'held' }));
    await locks.shutdown(50);
    expect(await failed).toMatchObject({ code: 'LEASE_LOST', reason: 'shutdown' });
    leaseOf(await other.acquire('a'));
    expect(kept.signal.aborted).toBe(false);
    expect((await other.acquire('kept')).status).toBe('held');
    expect(await other.resume(json).release()).toBe('released');
  });

  it('leaves the signal of a serialized lease to its end', async () => {
    const clock = new FakeClock();
    const locks = new CacheLock({ store: memoryStore({ clock }), namespace: 'test', clock });
    const lease = leaseOf(await locks.acquire('a', { ttl: '5s' }));
    const reasons: unknown[] = [];
    lease.signal.addEventListener('abort', () => reasons.push(lease.signal.reason));
    JSON.stringify(lease);
    await locks.shutdown(0);
    await clock.advance('4s');
    expect(reasons).toEqual([]);
    await clock.advance('1s');
    expect(reasons).toMatchObject([{ code: 'LEASE_LOST', reason: 'expired' }]);
    expect(clock.waiting).toBe(0);
  });

  it('is over at once where nothing is held', async () => {
    const startedAt = performance.now();
    await room().shutdown(30_000);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});
