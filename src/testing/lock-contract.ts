import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { CacheLock } from '../lock/cache-lock.js';
import type { LockOutcome } from '../lock/cache-lock.js';
import type { Lease } from '../lock/lease.js';
import { placeLock } from '../lock/lock-place.js';
import { maxCounter } from '../store/sound-counter.js';
import type { Store } from '../store/store.js';
import { LeaseLostError, LockHeldError } from '../value/errors.js';
import type { TestRunner } from './codec-contract.js';

export interface LockContractOptions {
  /** For the suite's title. */
  readonly name: string;
  /** Called by each test for a store of its own. */
  readonly open: () => Promise<LockSubject>;
}

/** A store whose locks are under test. */
export interface LockSubject {
  /** Open and ready. */
  readonly store: Store;
  /** Another open store on the same items, as another process has it: locks are tried between the two. Default: one store is tried with itself. */
  readonly secondHandle?: () => Promise<Store>;
  /** Ends what `open` and `secondHandle` began. */
  readonly close: () => Promise<void>;
}

/** Two lock rooms over the same items, as two processes would have. */
interface Rooms {
  /** Of `ours`. */
  readonly store: Store;
  readonly namespace: string;
  readonly ours: CacheLock;
  readonly theirs: CacheLock;
  /** A short life, for locks whose end is waited for. */
  readonly ttlMs: number;
}

/** The contract is about answers: on a busy machine one may take seconds. */
const deadline = '30s';

/**
 * What locks must hold to on every store. Takes a few lives of a lock: on memcached one test may take seven seconds, more than Jest and Vitest give it.
 *
 * @example lockContract({ describe, it }, { name: 'memory', open: async () => ({ store: memoryStore(), close: async () => {} }) });
 */
export function lockContract({ describe, it }: TestRunner, { name, open }: LockContractOptions): void {
  const test = (title: string, body: (rooms: Rooms) => Promise<void>): void => {
    it(title, async () => {
      const { store, secondHandle, close } = await open();
      const namespace = `lock-contract ${randomUUID()}`;
      const ttlMs = Math.max(400, 2 * store.capabilities.clockResolutionMs);
      const room = (handle: Store): CacheLock => new CacheLock({ store: handle, namespace, deadline });
      try {
        const [ours, theirs] = [room(store), room((await secondHandle?.()) ?? store)];
        try {
          await body({ store, namespace, ours, theirs, ttlMs });
        } finally {
          await Promise.all([ours.shutdown(0), theirs.shutdown(0)]);
        }
      } finally {
        await close();
      }
    });
  };

  describe(`locks on the ${name} store`, () => {
    test('have one holder, and others learn how long at most', async ({ ours, theirs }) => {
      const lifeMs = 30_000;
      acquired(await ours.acquire('a', { ttl: lifeMs }));
      for (const room of [ours, theirs]) {
        const outcome = await room.acquire('a');
        assert.ok(outcome.status === 'held' && outcome.retryAfterMs !== undefined);
        assert.ok(outcome.retryAfterMs > 0 && outcome.retryAfterMs <= lifeMs, `${outcome.retryAfterMs}`);
      }
    });

    test('of different resources have nothing to do with each other', async ({ ours, theirs }) => {
      const resources = ['a', 'a:b', ['a', 'b'], ['a', 1], ['a', '1'], ['a', null], 'b'.repeat(300), 'b'.repeat(301)];
      for (const resource of resources) acquired(await ours.acquire(resource));
      for (const resource of resources) assert.equal((await theirs.acquire(resource)).status, 'held');
      assert.equal((await theirs.acquire(['a'])).status, 'held', "'a' and ['a'] are the same");
    });

    test('go to exactly one of many who ask at once', async ({ ours, theirs }) => {
      const asked = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? ours : theirs).acquire('a'));
      const outcomes = (await Promise.all(asked)).map(({ status }) => status);
      assert.equal(outcomes.filter((status) => status === 'acquired').length, 1);
      assert.equal(outcomes.filter((status) => status === 'held').length, 39);
    });

    test('are free once released, and a second release changes nothing', async ({ ours, theirs }) => {
      const lease = acquired(await ours.acquire('a'));
      assert.equal(await lease.release(), 'released');
      const next = acquired(await theirs.acquire('a'));
      assert.equal(await lease.release(), 'released');
      assert.equal(lease.signal.aborted, false);
      assert.equal(await next.renew(), true);
      assert.notEqual(next.token, lease.token);
    });

    test('end with their life, not before `validUntil`; the late holder hurts nobody', async ({
      ours,
      theirs,
      ttlMs,
    }) => {
      const lease = acquired(await ours.acquire('a', { renew: false, ttl: ttlMs }));
      const next = acquired(await theirs.acquire('a', { wait: '1m' }));
      assert.ok(performance.now() >= lease.validUntil, 'somebody else got it while it was said to be valid');
      assert.ok(lease.signal.aborted && lease.signal.reason instanceof LeaseLostError);
      assert.equal(lease.signal.reason.reason, 'expired');
      assert.equal(await lease.renew(), false);
      assert.equal(await lease.release(), 'lost');
      assert.equal(await next.renew(), true);
      assert.ok(next.fencingToken > lease.fencingToken);
    });

    test('are renewed for as long as they are held', async ({ ours, theirs, ttlMs }) => {
      const lease = acquired(await ours.acquire('a', { ttl: ttlMs }));
      const { validUntil } = lease;
      await pause(ttlMs * 1.5);
      assert.ok(lease.validUntil > validUntil && !lease.signal.aborted);
      assert.equal((await theirs.acquire('a')).status, 'held');
      assert.equal(await lease.release(), 'released');
    });

    test('that the store lost are lost', async ({ ours, theirs, store, namespace }) => {
      const { shard, lockKey } = placeLock(store, namespace, 'a');
      const lease = acquired(await ours.acquire('a'));
      await shard.remove(lockKey);
      assert.equal(await lease.renew(), false);
      assert.equal(reasonOf(lease), 'gone');
      assert.equal(await lease.release(), 'lost');

      const second = acquired(await ours.acquire('a'));
      await shard.remove(lockKey);
      const third = acquired(await theirs.acquire('a'));
      assert.equal(await second.renew(), false);
      assert.equal(reasonOf(second), 'taken');
      assert.equal(await second.release(), 'lost');
      assert.equal(await third.release(), 'released');
    });

    test('are not taken over from bytes that no holder wrote', async ({ ours, store, namespace }) => {
      const { shard, lockKey } = placeLock(store, namespace, 'a');
      for (const bytes of ['', 'garbage', '3 0123456789abcdef 1 1']) {
        await shard.write(lockKey, Buffer.from(bytes), { lifeMs: 60_000 });
        assert.deepEqual(await ours.acquire('a'), { status: 'held' });
      }
    });

    test('give fencing tokens that only grow, also when their counter is lost', async ({
      ours,
      theirs,
      store,
      namespace,
    }) => {
      const { shard, fencingKey } = placeLock(store, namespace, 'a');
      let last = 0;
      for (let round = 0; round < 12; round++) {
        const lease = acquired(await (round % 2 === 0 ? ours : theirs).acquire('a'));
        assert.ok(Number.isSafeInteger(lease.fencingToken) && lease.fencingToken > last);
        last = lease.fencingToken;
        if (round % 3 === 2) await shard.remove(fencingKey);
        await pause(2); // seeds are as fine as the wall clock: a millisecond
        await lease.release();
      }
      // As after a counter that was seeded by a clock that is ahead.
      const lease = acquired(await ours.acquire('a'));
      const raised = await lease.raiseFencingToken(last + 1_000_000_000);
      assert.ok(raised > last + 1_000_000_000 && lease.fencingToken === raised);
      await lease.release();
      assert.ok(acquired(await theirs.acquire('a')).fencingToken > raised);
      await theirs.repairFencing('b', last + 2_000_000_000);
      assert.ok(acquired(await ours.acquire('b')).fencingToken > last + 2_000_000_000);
    });

    test('give fencing tokens that may be told to a resource, and raised, whatever was put under their counter', async ({
      ours,
      theirs,
      store,
      namespace,
    }) => {
      for (const standing of [maxCounter - 1, maxCounter, maxCounter + 1, Number.MAX_SAFE_INTEGER]) {
        const name = `${standing}`;
        const { shard, fencingKey } = placeLock(store, namespace, name);
        await shard.increment(fencingKey, 0, standing);
        const lease = acquired(await ours.acquire(name));
        const { fencingToken } = lease;
        assert.ok(fencingToken > 0 && fencingToken <= maxCounter, `${fencingToken} after ${standing}`);
        await lease.release();
        const next = acquired(await theirs.acquire(name));
        if (next.fencingToken <= fencingToken) await next.raiseFencingToken(fencingToken);
        assert.ok(next.fencingToken > fencingToken && Number.isSafeInteger(next.fencingToken));
      }
    });

    test('are released by whoever has the lease as JSON', async ({ ours, theirs }) => {
      const json = JSON.stringify(acquired(await ours.acquire(['a', 1n, null], { renew: false })));
      const resumed = theirs.resume(json);
      assert.equal(await resumed.renew(), true);
      assert.equal(await resumed.release(), 'released');
      const next = acquired(await ours.acquire(['a', 1n, null]));
      assert.equal(await theirs.resume(json).release(), 'lost');
      assert.equal(await next.renew(), true);
    });

    test('guard sections, whose result and error pass unchanged', async ({ ours, theirs }) => {
      const result = { x: 1 };
      const error = new Error('of the section');
      const outcome = await ours.using('a', {}, async (lease) => {
        assert.equal(lease.resource, 'a');
        await assert.rejects(
          theirs.using('a', {}, () => assert.fail('it ran')),
          LockHeldError,
        );
        return result;
      });
      assert.equal(outcome, result);
      await assert.rejects(
        ours.using('a', {}, () => Promise.reject(error)),
        (thrown) => thrown === error,
      );
      acquired(await theirs.acquire('a'));
    });

    test('are waited for until the deadline or the signal', async ({ ours, theirs }) => {
      const lease = acquired(await ours.acquire('a'));
      const startedAt = performance.now();
      assert.equal((await theirs.acquire('a', { wait: 150 })).status, 'held');
      assert.ok(performance.now() - startedAt >= 149);
      const reason = new Error('enough');
      const stop = new AbortController();
      const aborted = theirs.acquire('a', { wait: '1m', signal: stop.signal });
      const next = theirs.acquire('a', { wait: '1m' });
      stop.abort(reason);
      await assert.rejects(aborted, (thrown) => thrown === reason);
      await lease.release();
      acquired(await next);
    });

    test('keep their tokens to themselves', async ({ ours }) => {
      const lease = acquired(await ours.acquire('a'));
      const shown = [inspect(lease, { depth: 9, showHidden: true }), inspect(ours, { depth: 9 }), String(lease)];
      const raw = inspect(lease, { depth: 9, showHidden: true, customInspect: false });
      const errors = [new LeaseLostError(lease.resource, 'gone'), new LockHeldError(lease.resource)].map(
        (e) => e.stack,
      );
      for (const text of [...shown, raw, ...errors]) assert.ok(!text?.includes(lease.token));
      assert.ok(lease.token.length >= 22, '128 bits and more');
    });
  });
}

function acquired(outcome: LockOutcome): Lease {
  if (outcome.status !== 'acquired') throw new assert.AssertionError({ message: inspect(outcome) });
  return outcome.lease;
}

function reasonOf({ signal }: Lease): string | undefined {
  return signal.aborted && signal.reason instanceof LeaseLostError ? signal.reason.reason : undefined;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
