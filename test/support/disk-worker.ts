import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DiskStore } from '../../src/store/disk/disk-store.js';
import type { DiskStoreTuning } from '../../src/store/disk/disk-store.js';
import { loadLmdb } from '../../src/store/disk/environment.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { onCacheEvent } from '../../src/value/events.js';
import { look, sealed } from './disk-record-look.js';
import type { Look } from './disk-record-look.js';
import { seededRandom } from './seeded-random.js';
import { serveWorker } from './serve-worker.js';

export interface DiskWorkerData {
  readonly directory: string;
  readonly maxBytes?: number;
  readonly tuning?: DiskStoreTuning;
}

const faults: string[] = [];
onCacheEvent('fault', ({ kind, message }) => faults.push(`${kind}: ${message}`));

/** What is tested here is not how fast a loaded machine is. */
const patience = { deadlineMs: 10_000, openWithinMs: 20_000 };

serveWorker<DiskWorkerData>(({ directory, maxBytes, tuning: given }) => {
  const tuning = { ...patience, ...given };
  let hammering = false;
  let store = new DiskStore({ directory, ...(maxBytes === undefined ? undefined : { maxBytes }) }, tuning);
  const text = async (key: string): Promise<Look> => look(key, (await store.shards[0].readMany([key]))[0]?.bytes);
  return {
    /** @returns how long it took, in milliseconds. */
    async open(path = directory) {
      if (path !== directory) store = new DiskStore({ directory: path }, tuning);
      const start = performance.now();
      await store.open();
      return performance.now() - start;
    },
    stop: () => store.close(),
    close: () => store.close(),
    /** Opens and closes the store so many times. */
    async reopen(times: number) {
      for (let i = 0; i < times; i++) {
        await store.open();
        await store.close();
      }
    },
    faults: () => faults.splice(0),
    pid: () => process.pid,
    look: text,
    looks: (keys: readonly string[]) => Promise.all(keys.map(text)),
    text: async (key: string) => (await store.shards[0].readMany([key]))[0]?.bytes.toString(),
    age: async (key: string) => (await store.shards[0].readMany([key]))[0]?.ageMs,
    writeText: (key: string, value: string) => store.shards[0].write(key, Buffer.from(value), { lifeMs: Infinity }),
    write: (key: string, value: string, lifeMs = Infinity) =>
      store.shards[0].write(key, sealed(key, value), { lifeMs }),
    /** @returns the outcome, or the code of the error. */
    async tryToWrite(key: string, value: string) {
      try {
        return (await store.shards[0].write(key, sealed(key, value), { lifeMs: Infinity })).status;
      } catch (error) {
        return (error as { code?: string }).code;
      }
    },
    remove: (key: string) => store.shards[0].remove(key),
    async increments(key: string, times: number) {
      const sums: number[] = [];
      for (let i = 0; i < times; i++) sums.push(await store.shards[0].increment(key, 1, 1));
      return sums;
    },
    /** @returns the keys that this process won. */
    async stubs(keys: readonly string[]) {
      const won: string[] = [];
      for (const key of keys) {
        const [stub] = await store.shards[0].readOrStub([key], 60_000);
        if (stub?.won) won.push(key);
      }
      return won;
    },
    /** Reads, adds one and writes by revision until that succeeds, so many times. */
    async swaps(key: string, times: number) {
      for (let done = 0; done < times;) {
        const [item] = await store.shards[0].readMany([key]);
        if (!item) throw new Error('the item is gone');
        const next = Buffer.from(`${Number(item.bytes.toString()) + 1}`);
        const { status } = await store.shards[0].write(key, next, { lifeMs: Infinity, only: item.revision });
        if (status === 'stored') done++;
      }
    },
    /** Takes LMDB's write lock and keeps this process busy with it. */
    async holdLock(ms: number) {
      const environment = (await loadLmdb()).open(join(directory, 'v2'));
      environment.transactionSync(() => {
        writeFileSync(join(directory, 'holding'), '');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      });
      await environment.close();
    },
    /** As a process that is stopped in the middle of a read. */
    async holdSnapshot() {
      const environment = (await loadLmdb()).open(join(directory, 'v2'));
      environment.getBinaryFast('anything');
      environment.useReadTransaction();
    },
    /** Begins writes, and blocks the event loop before they can come back. */
    async writeAndBlock(count: number, ms: number) {
      const writes = Array.from({ length: count }, (_, i) =>
        store.shards[0].write(`blocked${i}`, Buffer.from('x'), { lifeMs: Infinity }),
      );
      await new Promise((resolve) => setImmediate(resolve));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      const outcomes = await Promise.allSettled(writes);
      return outcomes.filter(({ status }) => status === 'fulfilled').length;
    },
    /**
     * Writes and removes without end in eight lanes of keys, and keeps a journal: a line before each operation, and one after its
     * acknowledgement. With `persistent` a store that can't be reached is tried again. The journal's lines are in the kernel when `writeSync` returns, so a kill loses none.
     */
    hammer(lanePrefix: string, journal: string, seed: number, firstSequence: number, persistent = false) {
      hammering = true;
      const refused = async (error: unknown): Promise<false> => {
        if (!persistent || !(error instanceof StoreUnavailableError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return false;
      };
      const file = openSync(journal, 'a');
      const random = seededRandom(seed);
      let sequence = firstSequence;
      const lane = async (number: number): Promise<void> => {
        while (hammering) {
          const key = `${lanePrefix}:${number}:${random.integer(0, 9)}`;
          const removes = random() < 0.1;
          const mine = sequence++;
          writeSync(file, `? ${key} ${mine} ${removes ? 'remove' : 'write'}\n`);
          const value = `${mine} ${'v'.repeat(random.integer(0, 30) ** 3)}`;
          const done: Promise<unknown> = removes
            ? store.shards[0].remove(key)
            : store.shards[0].write(key, sealed(key, value), { lifeMs: Infinity });
          if ((await done.catch(refused)) !== false) writeSync(file, `! ${key} ${mine}\n`);
        }
      };
      const counter = async (): Promise<void> => {
        while (hammering) {
          writeSync(file, '? counter 0 write\n');
          if ((await store.shards[0].increment('counter', 1, 1).catch(refused)) !== false)
            writeSync(file, '! counter 0\n');
        }
      };
      for (let number = 0; number < 8; number++) void lane(number);
      void counter();
    },
    endHammer: () => void (hammering = false),
    usage: () =>
      (
        store.shards[0] as unknown as { local: { held: { database: { usage(): unknown } } } }
      ).local.held.database.usage(),
  };
});
