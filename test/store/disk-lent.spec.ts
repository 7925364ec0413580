import type { Socket } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { BorrowedShard } from '../../src/store/disk/borrowed-shard.js';
import { DiskShard } from '../../src/store/disk/disk-shard.js';
import { lendShard } from '../../src/store/disk/lent-shard.js';
import { openLifeline } from '../../src/store/disk/lifeline.js';
import { frameOf } from '../../src/store/disk/wire.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { systemClock } from '../../src/value/clock.js';
import { hostMonotonicMs } from '../../src/value/host-monotonic.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { VirtualClock } from '../../src/testing/simulation/virtual-clock.js';
import { WriteQueue } from '../../src/store/disk/write-queue.js';
import type { Environment, Lmdb } from '../../src/store/disk/environment.js';
import { eventually } from '../support/eventually.js';
import { recordEvents } from '../support/recorded-events.js';
import { diskDirectory } from '../support/disk-directory.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const lasting = { lifeMs: 600_000 };
const bytes = (text: string): Buffer => Buffer.from(text);

async function openShard(): Promise<DiskShard> {
  const { path, remove } = diskDirectory();
  endings.push(remove);
  const tuning = { clock: systemClock, random: Math.random, deadlineMs: 30_000, careEachMs: 60_000 };
  const shard = new DiskShard(path, 1_000, { ...tuning, maxBytes: 2 ** 20, waitsForOpeners: true });
  await shard.open();
  endings.push(() => shard.close());
  return shard;
}

async function textIn(shard: DiskShard, key: string): Promise<string | undefined> {
  const [item] = await shard.readMany([key]);
  return item?.bytes.toString();
}

/** A lender that has taken nothing from its socket yet, and a borrower at the other end. */
async function borrowing(shard: DiskShard, deadlineMs: number): Promise<{ borrowed: BorrowedShard; lender: Socket }> {
  const { path, remove } = diskDirectory();
  endings.push(remove);
  const lifeline = await openLifeline(path, 'abcdef01');
  if (!lifeline) throw new Error('no sockets here');
  endings.push(() => lifeline.close());
  const connected = new Promise<Socket>((resolve) => {
    lifeline.onConnection((socket) => {
      lendShard(socket, () => shard);
      resolve(socket.pause());
    });
  });
  const options = { name: 'disk', clock: systemClock, deadlineMs, graceMs: 0, onEnd: () => undefined };
  const borrowed = await BorrowedShard.from(path, ['abcdef01'], options);
  endings.push(() => borrowed.end());
  return { borrowed, lender: await connected };
}

it('What a borrower gave up is not carried out by a lender that was held up', async () => {
  const shard = await openShard();
  const { borrowed, lender } = await borrowing(shard, 50);
  const calls = [
    borrowed.call('write', ['k', bytes('old'), lasting]),
    borrowed.call('readOrStub', [['stub'], 600_000]),
    borrowed.call('increment', ['count', 1, 1, 600_000]),
    borrowed.call('remove', ['kept', undefined]),
    borrowed.call('invalidate', [{ feed: 'f', changes: [{ remove: 'kept' }], records: [], watch: 'w' }]),
  ];
  await shard.write('kept', bytes('kept'), lasting);
  for (const call of calls) await expect(call).rejects.toThrow(StoreUnavailableError);
  await shard.write('k', bytes('new'), lasting);
  const gone = new Promise((resolve) => lender.once('close', resolve));
  lender.resume();
  await gone;
  // Whatever was asked for is planned before this.
  await shard.remove('nothing');
  expect(await textIn(shard, 'k')).toBe('new');
  expect(await textIn(shard, 'kept')).toBe('kept');
  expect(await shard.readMany(['stub', 'count'])).toEqual([undefined, undefined]);
});

it('What a borrower waits for is carried out by a lender that was held up', async () => {
  const shard = await openShard();
  const { borrowed, lender } = await borrowing(shard, 30_000);
  const call = borrowed.call('write', ['k', bytes('new'), lasting]);
  lender.resume();
  expect(await call).toMatchObject({ status: 'stored' });
  expect(await textIn(shard, 'k')).toBe('new');
});

it('A request that is larger than a lender takes is rejected by its size, and what is asked beside it is answered', async () => {
  const shard = await openShard();
  await shard.write('k', bytes('there'), lasting);
  const { borrowed, lender } = await borrowing(shard, 30_000);
  lender.resume();
  const events = recordEvents('fault');
  endings.push(() => events.stop());
  const read = borrowed.call('readMany', [['k']]);
  const changes = [{ write: 'large', bytes: Buffer.alloc(65 * 2 ** 20), ...lasting }];
  const large = borrowed.call('invalidate', [{ feed: 'f', changes, records: [], watch: 'w' }]);
  const message = expect.stringMatching(/a request of 681\d+ bytes is larger than the 67108864/) as unknown;
  await expect(large).rejects.toMatchObject({ message, isRefusal: true });
  await expect(borrowed.call('invalidate', [{ feed: 'f', changes, records: [], watch: 'w' }])).rejects.toThrow(
    'is larger',
  );
  expect(events.all).toMatchObject([{ kind: 'degraded', message }]);
  expect(await read).toMatchObject([{ bytes: bytes('there') }]);
  expect(await borrowed.call('readMany', [['k']])).toMatchObject([{ bytes: bytes('there') }]);
});

it('What fails at the lender is told in its words, and once', async () => {
  const shard = await openShard();
  await shard.write('k', bytes('a text'), lasting);
  const { borrowed, lender } = await borrowing(shard, 30_000);
  lender.resume();
  const noCounter = 'k holds no counter. Remove it, or count under another key.';
  await expect(shard.increment('k', 1, 1)).rejects.toThrow(`: ${noCounter}`);
  const counting = borrowed.call('increment', ['k', 1, 1, 600_000]);
  await expect(counting).rejects.toMatchObject({ message: `disk: ${noCounter}`, problem: 'k holds no counter' });
  const unknown = borrowed.call('listen' as never, []);
  await expect(unknown).rejects.toThrow('disk: the operation failed. Check that the folder is there');
});

it('A write that the lender refuses is refused to the borrower, and said once to be degraded there as well', async () => {
  const refusal = new StoreUnavailableError('there', 'a write failed', { isRefusal: true });
  const shard = { write: () => Promise.reject(refusal) } as unknown as DiskShard;
  const { borrowed, lender } = await borrowing(shard, 30_000);
  lender.resume();
  const events = recordEvents('fault');
  endings.push(() => events.stop());
  const message = expect.stringContaining('disk: a write failed.') as unknown;
  for (let times = 0; times < 2; times++) {
    const write = borrowed.call('write', ['k', bytes('v'), lasting]);
    await expect(write).rejects.toMatchObject({ message, isRefusal: true });
  }
  expect(events.all).toMatchObject([{ kind: 'degraded', source: 'disk', message }]);
});

it('What a lender or a borrower that ends leaves open is told by what has ended', async () => {
  const shard = await openShard();
  const { borrowed, lender } = await borrowing(shard, 30_000);
  lender.resume();
  await shard.close();
  const gone =
    'disk: the process that had it open is gone. At the next call another one is asked, or this one opens the folder.';
  await expect(borrowed.call('readMany', [['k']])).rejects.toThrow(gone);
  lender.pause();
  const unanswered = borrowed.call('readMany', [['k']]);
  lender.destroy();
  await expect(unanswered).rejects.toThrow(gone);
  const other = await borrowing(await openShard(), 30_000);
  const own = other.borrowed.call('readMany', [['k']]);
  other.borrowed.end();
  await expect(own).rejects.toThrow('disk: it was closed. Use it before its close()');
});

it('What was answered while the borrower was blocked is taken, and the connection stays', async () => {
  const { borrowed, lender } = await borrowing(await openShard(), 100);
  const call = borrowed.call('touch', ['k', 1]);
  // It lies ready in the kernel.
  lender.write(frameOf({ id: 1, result: 'answered' }));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
  expect(await call).toBe('answered');
  const next = borrowed.call('touch', ['k', 1]);
  lender.write(frameOf({ id: 2, result: 'answered too' }));
  expect(await next).toBe('answered too');
});

it('A change that waited for its turn until it was given up is left out, and the others are made', async () => {
  const shard = await openShard();
  const [late, inTime] = await Promise.allSettled([
    shard.write('k', bytes('old'), lasting, hostMonotonicMs() - 1_000),
    shard.write('other', bytes('in time'), lasting, hostMonotonicMs() + 600_000),
  ]);
  expect([late.status, inTime.status]).toEqual(['rejected', 'fulfilled']);
  expect(await textIn(shard, 'k')).toBeUndefined();
  expect(await textIn(shard, 'other')).toBe('in time');
});

it('A transaction whose end the gate could not be told of is done, and the gate is told later', async () => {
  const clock = new FakeClock();
  const states: string[] = [];
  let full = true;
  const queue = new WriteQueue(
    { transaction: async () => 1, resetReadTxn: () => {} } as unknown as Environment,
    {} as Lmdb,
    {
      name: 'disk',
      now: () => ({ nowMs: clock.now(), hostMs: clock.monotonic(), boot: 1 }),
      clock,
      gate: {
        enter: async () => void states.push('busy'),
        assertInPlace: () => {},
        leave: () => {
          if (full) throw new Error('ENOSPC: no space left on device, write');
          states.push('idle');
        },
        close: () => {},
      },
      deadlineMs: 300,
      bounds: () => ({ changes: 100, bytes: 2 ** 20 }),
      makeRoom: async () => Infinity,
      settled: () => {},
    },
  );
  const ask = (): Promise<string> => queue.run({ key: 'k', blind: true, decide: () => ({ answer: 'decided' }) });
  expect(await ask()).toBe('decided');
  await clock.advance(300);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await ask()).toBe('decided');
  expect(states).toEqual(['busy']);
  full = false;
  await new Promise((resolve) => setImmediate(resolve));
  queue.nudge();
  expect(states).toEqual(['busy', 'idle']);
});

it('What was given up while room was made for it is not written, and what came with it is', async () => {
  const clock = new FakeClock();
  const written: unknown[] = [];
  const environment = {
    transaction: async () => 1,
    resetReadTxn: () => {},
    batch: async (work: () => void) => work(),
    put: async (key: unknown) => written.push(key) > 0,
  };
  const queue = new WriteQueue(environment as unknown as Environment, {} as Lmdb, {
    name: 'disk',
    now: () => ({ nowMs: clock.now(), hostMs: clock.monotonic(), boot: 1 }),
    clock,
    gate: { enter: async () => {}, assertInPlace: () => {}, leave: () => {}, close: () => {} },
    deadlineMs: 300,
    bounds: () => ({ changes: 100, bytes: 2 ** 20 }),
    makeRoom: async (size) => {
      if (size > 0) await clock.advance(60);
      return Infinity;
    },
    settled: () => {},
  });
  const write = (key: string, until: number): Promise<string> =>
    queue.run<string>({
      ...{ key, until, blind: true },
      decide: () => ({ answer: () => 'stored', put: { bytes: bytes('value'), expiresAt: Infinity, kind: 0 } }),
    });
  const outcomes = await Promise.allSettled([write('late', 50), write('in time', 600_000)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(written).toEqual(['in time']);
});

it('What was given up while its turn was prepared is not decided on any more', async () => {
  const clock = new FakeClock();
  let hand: (block: number) => void = () => {};
  const block = new Promise<number>((resolve) => (hand = resolve));
  const environment = { transaction: () => block, resetReadTxn: () => {}, getBinaryFast: () => undefined };
  const queue = new WriteQueue(environment as unknown as Environment, {} as Lmdb, {
    name: 'disk',
    now: () => ({ nowMs: clock.now(), hostMs: clock.monotonic(), boot: 1 }),
    clock,
    gate: { enter: async () => {}, assertInPlace: () => {}, leave: () => {}, close: () => {} },
    deadlineMs: 300,
    bounds: () => ({ changes: 100, bytes: 2 ** 20 }),
    makeRoom: async () => Infinity,
    settled: () => {},
  });
  const decided: string[] = [];
  const ask = (key: string): Promise<number> => queue.run({ key, decide: () => ({ answer: decided.push(key) }) });
  const givenUp = expect(ask('given up')).rejects.toThrow('a write takes longer than 300 ms');
  await clock.advance(300);
  await givenUp;
  hand(1);
  await eventually(() => ask('later'));
  expect(decided).toEqual(['later']);
});

it('A write whose answer waits behind a blocked loop is acknowledged, and so is what waits for it', async () => {
  const clock = new VirtualClock();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let isFirst = true;
  const environment = {
    transaction: async () => {
      if (!isFirst) return 1;
      isFirst = false;
      // The loop is blocked for longer than the deadline, and the answer comes in with the third turn after that.
      clock.skip(400);
      void clock.advanceTo(clock.now(), turn);
      for (let count = 0; count < 3; count++) await turn();
      return 1;
    },
    resetReadTxn: () => {},
    getBinaryFast: () => undefined,
  };
  const queue = new WriteQueue(environment as unknown as Environment, {} as Lmdb, {
    name: 'disk',
    now: () => ({ nowMs: clock.now(), hostMs: clock.monotonic(), boot: 1 }),
    clock,
    gate: { enter: async () => {}, assertInPlace: () => {}, leave: () => {}, close: () => {} },
    deadlineMs: 300,
    bounds: () => ({ changes: 1, bytes: 2 ** 20 }),
    makeRoom: async () => Infinity,
    settled: () => {},
  });
  const ask = (key: string): Promise<string> => queue.run({ key, decide: () => ({ answer: key }) });
  const outcomes = await Promise.allSettled([ask('under way'), ask('waits')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
});
