import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import { systemClock } from '../../src/value/clock.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { onCacheEvent } from '../../src/value/events.js';
import { diskDirectory, smallFileSystem } from '../support/disk-directory.js';
import type { DiskDirectory } from '../support/disk-directory.js';
import type { Look } from '../support/disk-record-look.js';
import { eventually } from '../support/eventually.js';
import { expectInQuiet } from '../support/in-quiet.js';
import { recordEvents } from '../support/recorded-events.js';
import type { RecordedEvents } from '../support/recorded-events.js';
import { startWorker } from '../support/worker-process.js';

const forever = { lifeMs: Infinity };

/** What is tested here is not how fast a loaded machine is. */
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

let directory: DiskDirectory;
let events: RecordedEvents;

beforeEach(() => {
  directory = diskDirectory();
  events = recordEvents('fault');
});

afterEach(() => {
  events.stop();
  directory.remove();
});

async function expectUnavailable(store: DiskStore): Promise<void> {
  const [shard] = store.shards;
  await expect(shard.readMany(['a'])).rejects.toThrow(StoreUnavailableError);
  await expect(shard.readOrStub(['a'], 1_000)).rejects.toThrow(StoreUnavailableError);
  await expect(shard.write('a', Buffer.from('1'), forever)).rejects.toThrow(StoreUnavailableError);
  await expect(shard.remove('a')).rejects.toThrow(StoreUnavailableError);
  await expect(shard.increment('a', 1, 1)).rejects.toThrow(StoreUnavailableError);
  await expect(shard.touch('a', 1_000)).rejects.toThrow(StoreUnavailableError);
}

describe('a folder that can not be used', () => {
  it('is no error of open; operations reject, one fault is reported, and the store joins when it can', async () => {
    const path = join(directory.path, 'in-the-way');
    writeFileSync(path, 'a file');
    const store = new DiskStore({ directory: path });
    await store.open();
    await expectUnavailable(store);
    await expectUnavailable(store);
    expect(events.all).toMatchObject([{ kind: 'unavailable', source: `disk ${path}` }]);
    rmSync(path);
    await eventually(async () => {
      expect(await store.shards[0].write('a', Buffer.from('1'), forever)).toMatchObject({ status: 'stored' });
    });
    expect(events.all).toHaveLength(1);
    await store.close();
  });

  it('is read-only', async () => {
    const fileSystem = smallFileSystem(2 ** 22);
    // Root may write where the mode forbids it, and then it may mount.
    const path = fileSystem?.path ?? directory.path;
    if (fileSystem) fileSystem.remount('ro');
    else chmodSync(path, 0o555);
    try {
      const store = new DiskStore({ directory: path });
      await store.open();
      await expectUnavailable(store);
      expect(events.all).toMatchObject([{ kind: 'unavailable' }]);
      await store.close();
    } finally {
      if (fileSystem) fileSystem.remove();
      else chmodSync(path, 0o755);
    }
  });
});

/** Of what the process writes from now on, wherever in a file. */
const limitFiles = (pid: number, bytes: string): void =>
  void execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}`]);

describe('a full disk', () => {
  /** Fills the store until writes fail; checks that reads go on and that the process lives; frees space; checks that it recovers. */
  async function fillAndRecover(
    path: string,
    full: (worker: number) => void,
    free: (worker: number) => void,
  ): Promise<void> {
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), { directory: path });
    try {
      await worker.call('open');
      full(worker.pid);
      const written: string[] = [];
      let failures = 0;
      for (let i = 0; i < 400 && failures < 3; i++) {
        const outcome = await worker.call<string>('tryToWrite', `k${i}`, 'v'.repeat(50_000));
        if (outcome !== 'stored') expect(outcome).toBe('STORE_UNAVAILABLE');
        if (outcome === 'stored') written.push(`k${i}`);
        else failures++;
      }
      expect(failures).toBeGreaterThan(0);
      // What was written last is there: a full disk makes the store smaller, oldest first.
      const looks = await Promise.all(written.slice(-5).map((key) => worker.call<Look>('look', key)));
      expect(looks.map(({ found }) => found)).toEqual(Array.from({ length: 5 }, () => 'value'));
      expect(await worker.call<string[]>('faults')).toEqual([
        expect.stringMatching(/^degraded: Writes fail, reads go on/),
      ]);
      free(worker.pid);
      await eventually(() => worker.call('write', 'after', 'value'));
      expect(await worker.call('look', 'after')).toEqual({ found: 'value', text: 'value' });
      expect(await worker.stop()).toBe('0');
    } finally {
      await worker.kill();
    }
  }

  it('fails writes, not reads, and no process dies of it (limit on the size of files)', async () => {
    await fillAndRecover(
      directory.path,
      (pid) => limitFiles(pid, `${4 * 2 ** 20}:`),
      (pid) => limitFiles(pid, 'unlimited:'),
    );
  });

  it('that takes no byte at all for a while fails the writes of that while alone', async () => {
    const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: directory.path,
      tuning: { deadlineMs: 300 },
    });
    try {
      await worker.call('open');
      await eventually(() => worker.call('write', 'before', 'value'));
      limitFiles(worker.pid, '0:');
      expect(await worker.call<string>('tryToWrite', 'during', 'value')).toBe('STORE_UNAVAILABLE');
      limitFiles(worker.pid, 'unlimited:');
      await eventually(() => worker.call('write', 'after', 'value'));
      expect(await worker.call('look', 'after')).toEqual({ found: 'value', text: 'value' });
    } finally {
      await worker.kill();
    }
  });

  const fileSystem = smallFileSystem(6 * 2 ** 20);
  fileSystem?.remove();
  (fileSystem ? it : it.skip)(
    'fails writes, not reads, and no process dies of it (a file system of 6 MiB)',
    async () => {
      const small = smallFileSystem(6 * 2 ** 20);
      if (!small) throw new Error('the file system could not be mounted');
      const other = join(small.path, 'other');
      try {
        writeFileSync(other, Buffer.alloc(2 * 2 ** 20));
        await fillAndRecover(
          small.path,
          () => undefined,
          () => rmSync(other),
        );
        // Opens also where there is no room left.
        const worker = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
          directory: small.path,
        });
        try {
          while (true) writeFileSync(other, Buffer.alloc(2 ** 16), { flag: 'a' });
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' });
        }
        try {
          expectInQuiet(await worker.call<number>('open'), 2_000);
          expect(await worker.call('look', 'after')).toEqual({ found: 'value', text: 'value' });
          expect(await worker.stop()).toBe('0');
        } finally {
          await worker.kill();
        }
      } finally {
        small.remove();
      }
    },
  );
});

describe('eviction', () => {
  it('keeps the file within maxBytes, serves on, and drops what is older first', async () => {
    const maxBytes = 8 * 2 ** 20;
    const store = new DiskStore({ directory: directory.path, maxBytes }, { careEachMs: 50, ...patience });
    await store.open();
    const [shard] = store.shards;
    await shard.increment('counter', 1, 41);
    const count = 6_000;
    for (let i = 0; i < count; i += 20) {
      const writes = Array.from({ length: 20 }, (_, j) => {
        const size = 500 + ((i + j) % 7) * 1_500;
        return shard.write(`item${i + j}`, Buffer.alloc(size, i + j), forever);
      });
      for (const { status } of await Promise.all(writes)) expect(status).toBe('stored');
      const [newest] = await shard.readMany([`item${i}`]);
      expect(newest?.bytes[0]).toBe(i & 255);
    }
    // 30 MB went in.
    expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThanOrEqual(maxBytes);
    const items = await shard.readMany(Array.from({ length: count }, (_, i) => `item${i}`));
    const kept = items.map((item) => (item ? 1 : 0) as number);
    const sum = (from: number, to: number): number => kept.slice(from, to).reduce((a, b) => a + b, 0);
    expect(sum(0, count)).toBeGreaterThan(800);
    expect(sum(0, count / 2)).toBeLessThan(50);
    expect(sum(count - 300, count)).toBeGreaterThan(270);
    expect(await shard.increment('counter', 1, 1)).toBe(42);
    await store.close();
  });

  it('lets as many small items go as come in', async () => {
    const maxBytes = 4 * 2 ** 20;
    const store = new DiskStore({ directory: directory.path, maxBytes }, patience);
    await store.open();
    const [shard] = store.shards;
    const small = Buffer.alloc(100, 'x');
    for (let written = 0; written < 40_000; written += 100) {
      const keys = Array.from({ length: 100 }, (_, index) => `small${written + index}`);
      await Promise.all(keys.map((key) => shard.write(key, small, forever)));
    }
    expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThan(maxBytes * 1.5);
    expect(Number((await shard.stats?.())?.['entries'])).toBeGreaterThan(4_000);
    await store.close();
  });

  /** Each step of it takes a part of the deadline. */
  function slowEviction() {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
    const slowDown = (part: number) => onCacheEvent('evicted', () => (aheadMs += patience.deadlineMs * part));
    return { clock, slowDown };
  }

  it('lets as many small items go as come in, also where that takes longer than writes wait for it', async () => {
    const maxBytes = 4 * 2 ** 20;
    const { clock, slowDown } = slowEviction();
    const stop = slowDown(1 / 4);
    const store = new DiskStore({ directory: directory.path, maxBytes }, { ...patience, clock });
    await store.open();
    const [shard] = store.shards;
    const small = Buffer.alloc(100, 'x');
    for (let written = 0; written < 60_000; written += 100) {
      const keys = Array.from({ length: 100 }, (_, index) => `small${written + index}`);
      await Promise.all(keys.map((key) => shard.write(key, small, forever)));
    }
    stop();
    expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThan(maxBytes * 1.5);
    expect(events.all).toEqual([]);
    await store.close();
  });

  it('makes room for items of the largest size', async () => {
    const maxBytes = 16 * 2 ** 20;
    const store = new DiskStore({ directory: directory.path, maxBytes }, { careEachMs: 50, ...patience });
    await store.open();
    for (let i = 0; i < 60; i++) {
      const size = i % 3 === 0 ? 2 * 2 ** 20 : 100_000 + i * 10_000;
      expect(await store.shards[0].write(`large${i}`, Buffer.alloc(size, i), forever)).toMatchObject({
        status: 'stored',
      });
      expect((await store.shards[0].readMany([`large${i}`]))[0]?.bytes.equals(Buffer.alloc(size, i))).toBe(true);
    }
    expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThanOrEqual(maxBytes * 1.25);
    await store.close();
  });

  describe.each([1, 8])('of a store of %i MiB for much that comes in one turn', (mebibytes) => {
    const maxBytes = mebibytes * 2 ** 20;
    const held = Array.from({ length: 41 }, (_, i) => `held${i}`);
    let store: DiskStore;

    beforeEach(async () => {
      store = new DiskStore({ directory: directory.path, maxBytes }, { careEachMs: 20, ...patience });
      await store.open();
      for (const key of held) {
        await store.shards[0].write(key, Buffer.from('1'), { lifeMs: 600_000, irreplaceable: true });
      }
    });

    afterEach(() => store.close());

    /** The care of the store has looked at what is there, and all is well. */
    async function expectTheHeld(): Promise<void> {
      const { fileBytes } = (await store.shards[0].stats()) as unknown as { fileBytes: number };
      expect(fileBytes).toBeLessThan(maxBytes * 1.5);
      expect((await store.shards[0].readMany(held)).filter((item) => item)).toHaveLength(held.length);
      await store.close();
      expect(events.all).toEqual([]);
    }

    it('takes no lock with it: large values', async () => {
      const writes = Array.from({ length: 200 }, (_, i) =>
        store.shards[0].write(`large${i}`, Buffer.alloc(2 ** 16, i), forever),
      );
      for (const { status } of await Promise.all(writes)) expect(status).toBe('stored');
      await expectTheHeld();
    });

    it('takes no lock with it: stubs of many keys', async () => {
      for (let i = 0; i < maxBytes / 600; i += 200) {
        await Promise.all(
          Array.from({ length: 200 }, (_, j) => store.shards[0].write(`small${i + j}`, Buffer.alloc(500), forever)),
        );
      }
      const keys = Array.from({ length: 3_900 }, (_, i) => `absent${i}`);
      expect((await store.shards[0].readOrStub(keys, 60_000)).every(({ won }) => won)).toBe(true);
      await expectTheHeld();
    });

    it('takes no lock with it: one invalidation of many writes', async () => {
      const changes = Array.from({ length: 200 }, (_, i) => ({
        ...{ write: `large${i}`, bytes: Buffer.alloc(2 ** 16, i), options: forever },
      }));
      const records = [Buffer.from('large')];
      const feed = { feed: 'f', watch: 'w', maxBehindBytes: 1_000 };
      const before = await store.shards[0].readFeed?.({ ...feed, since: undefined });
      const done = await store.shards[0].invalidate?.({ ...feed, changes, records });
      expect(done?.inParts).toBe(true);
      expect(done?.outcomes.map(({ status }) => status)).toEqual(changes.map(() => 'stored'));
      expect(await store.shards[0].readFeed?.({ ...feed, since: before?.mark })).toMatchObject({ records });
      await expectTheHeld();
    });
  });

  it('for one write takes no longer than the deadline, and holds up nobody behind it for longer', async () => {
    const maxBytes = 8 * 2 ** 20;
    const { clock, slowDown } = slowEviction();
    const store = new DiskStore({ directory: directory.path, maxBytes }, { ...patience, clock });
    await store.open();
    const [shard] = store.shards;
    for (let i = 0; i < maxBytes / 200; i += 200) {
      await Promise.all(
        Array.from({ length: 200 }, (_, j) => shard.write(`small${i + j}`, Buffer.alloc(200), forever)),
      );
    }
    const steps = recordEvents('evicted');
    const stop = slowDown(1 / 5);
    const large = shard.write('large', Buffer.alloc(2 ** 20), forever);
    const [refused, behind] = await Promise.allSettled([large, shard.increment('behind', 1, 1)]);
    stop();
    steps.stop();
    const message = expect.stringContaining('making room') as unknown;
    expect(refused).toMatchObject({ reason: { message, isRefusal: true } });
    expect(events.all).toMatchObject([{ kind: 'degraded', message }]);
    expect(behind).toEqual({ status: 'fulfilled', value: 1 });
    expect(steps.all.length).toBeGreaterThanOrEqual(5);
    expect(steps.all.length).toBeLessThan(12);
    expect(await shard.readMany(['large'])).toEqual([undefined]);
    expect(await shard.write('large', Buffer.alloc(2 ** 20), forever)).toMatchObject({ status: 'stored' });
    await store.close();
  });

  it('to a limit that is smaller than that of others holds up no lock', async () => {
    const { clock, slowDown } = slowEviction();
    const tuning = { ...patience, clock };
    const large = new DiskStore({ directory: directory.path, maxBytes: 8 * 2 ** 20 }, tuning);
    await large.open();
    for (let i = 0; i < 300; i++) await large.shards[0].write(`item${i}`, Buffer.alloc(20_000), forever);
    const small = new DiskStore({ directory: directory.path, maxBytes: 2 ** 20 }, tuning);
    await small.open();
    const steps = recordEvents('evicted');
    const stop = slowDown(1);
    for (let i = 0; i < 5; i++) {
      expect(await small.shards[0].write(`own${i}`, Buffer.alloc(100_000), forever)).toMatchObject({
        status: 'stored',
      });
    }
    const before = steps.all.length;
    expect(await small.shards[0].increment('lock', 1, 1)).toBe(1);
    stop();
    steps.stop();
    expect(before).toBeGreaterThan(0);
    expect(steps.all.length - before).toBeLessThanOrEqual(2);
    await small.close();
    await large.close();
  });

  it('to a limit that is smaller than before a restart lets small writes go ahead', async () => {
    const { clock, slowDown } = slowEviction();
    const before = new DiskStore({ directory: directory.path, maxBytes: 8 * 2 ** 20 }, patience);
    await before.open();
    for (let i = 0; i < 14_000; i += 20) {
      const keys = Array.from({ length: 20 }, (_, j) => `small${i + j}`);
      await Promise.all(keys.map((key) => before.shards[0].write(key, Buffer.alloc(400), forever)));
    }
    await before.close();
    const after = new DiskStore({ directory: directory.path, maxBytes: 6 * 2 ** 20 }, { ...patience, clock });
    await after.open();
    const [shard] = after.shards;
    const { bytes } = await shard.stats();
    expect(Number(bytes)).toBeGreaterThan(6 * 2 ** 20);
    const steps = recordEvents('evicted');
    const stop = slowDown(1);
    for (let i = 1; i <= 20; i++) expect(await shard.increment('lock', 1, 1)).toBe(i);
    stop();
    steps.stop();
    expect(steps.all.length).toBeGreaterThan(0);
    expect(events.all).toEqual([]);
    await after.close();
  });

  it('starts anew with a smaller limit, because a file never shrinks', async () => {
    const large = new DiskStore({ directory: directory.path, maxBytes: 2 ** 26 }, patience);
    await large.open();
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => large.shards[0].write(`k${i}`, Buffer.alloc(50_000), forever)),
    );
    await large.close();
    const small = new DiskStore({ directory: directory.path, maxBytes: 2 ** 21 }, patience);
    await small.open();
    expect(await small.shards[0].readMany(['k0'])).toEqual([undefined]);
    expect(events.all).toMatchObject([{ kind: 'degraded', message: expect.stringContaining('maxBytes') as unknown }]);
    await small.close();
    expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThan(2 ** 21);
  });

  it('starts anew when the file outgrows its limit, because a process stands still with an old snapshot', async () => {
    const maxBytes = 2 * 2 ** 20;
    const store = new DiskStore({ directory: directory.path, maxBytes }, { careEachMs: 20, ...patience });
    await store.open();
    const stopped = await startWorker(new URL('../support/disk-worker.ts', import.meta.url), {
      directory: directory.path,
    });
    try {
      await stopped.call('holdSnapshot');
      await eventually(async () => {
        for (let i = 0; i < 20; i++)
          await store.shards[0].write(`k${i}`, Buffer.alloc(50_000), forever).catch(() => undefined);
        expect(events.of('fault').map(({ message }) => message)).toEqual([
          expect.stringContaining('outgrown'),
          expect.stringContaining('set aside'),
        ]);
      });
      await eventually(() => store.shards[0].write('after', Buffer.from('1'), forever));
      expect(statSync(join(directory.path, 'v2', 'data.mdb')).size).toBeLessThan(maxBytes * 1.5);
    } finally {
      await stopped.kill();
      await store.close();
    }
  });
});
