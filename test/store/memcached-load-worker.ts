import { monitorEventLoopDelay } from 'node:perf_hooks';
import { memcachedStore } from '../../src/store/memcached/memcached-store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { seededRandom } from '../support/seeded-random.js';
import { serveWorker } from '../support/serve-worker.js';

/** What the operations of one stretch of load came to. */
export interface LoadReport {
  readonly settled: number;
  readonly succeeded: number;
  readonly unavailable: number;
  /** Errors that the store may not reject with. */
  readonly otherErrors: readonly string[];
  /** Values that were read under a key that they were not written for. */
  readonly wrongValues: readonly string[];
  /** Errors that nobody caught. */
  readonly uncaught: readonly string[];
  readonly slowestMs: number;
  /** The longest the process was kept from its loop. */
  readonly longestStallMs: number;
  readonly underWay: number;
}

const uncaught: string[] = [];
process.on('uncaughtException', (error) => void uncaught.push(String(error)));

serveWorker(({ servers, perSecond }: { servers: string; perSecond: number }) => {
  const store = memcachedStore({ servers });
  const random = seededRandom(4);
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  let report = empty();
  let underWay = 0;
  let load: NodeJS.Timeout | undefined;
  const due = { at: 0 };

  const operate = async (): Promise<void> => {
    const key = `load:${random.integer(0, 49)}`;
    const shard = store.shardOf(key);
    const startedAt = performance.now();
    underWay++;
    try {
      const kind = random.integer(0, 9);
      if (kind < 3) {
        await shard.write(key, Buffer.from(`${key}=${'v'.repeat(random.integer(0, 3_000))}`), { lifeMs: 60_000 });
      } else if (kind < 4) {
        const counter = `count:${random.integer(0, 4)}`;
        const sum = await shard.increment(counter, 1, 1_000_000);
        if (!Number.isSafeInteger(sum)) report.wrongValues.push(`${counter} is ${sum}`);
      } else {
        const other = `load:${random.integer(0, 49)}`;
        const keys = store.shardOf(other) === shard ? [key, other, key] : [key];
        const items = await shard.readMany(keys);
        for (const [index, item] of items.entries()) {
          const text = item?.bytes.toString();
          if (text !== undefined && !text.startsWith(`${keys[index]}=`)) {
            report.wrongValues.push(`${keys[index]} read ${text.slice(0, 40)}`);
          }
        }
      }
      report.succeeded++;
    } catch (error) {
      if (error instanceof StoreUnavailableError) report.unavailable++;
      else report.otherErrors.push(String(error));
    } finally {
      underWay--;
      report.settled++;
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startedAt);
    }
  };

  return {
    open: () => store.open(),
    /** In bursts of a twentieth of a second, so that many commands wait on the connection at a time. */
    startLoad: () => {
      due.at = performance.now();
      load = setInterval(() => {
        while (due.at < performance.now()) {
          due.at += 1_000 / perSecond;
          void operate();
        }
      }, 50);
    },
    /** What happened since the last report. */
    report: (): LoadReport => {
      const result = { ...report, uncaught: uncaught.splice(0), longestStallMs: stalls.max / 1e6, underWay };
      report = empty();
      stalls.reset();
      return result;
    },
    /** Ends the load, and waits until the last operation is settled. */
    stopLoad: async (): Promise<void> => {
      clearInterval(load);
      while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    stop: async (): Promise<void> => {
      clearInterval(load);
      await store.close();
    },
  };
});

function empty() {
  return {
    settled: 0,
    succeeded: 0,
    unavailable: 0,
    otherErrors: [] as string[],
    wrongValues: [] as string[],
    slowestMs: 0,
  };
}
