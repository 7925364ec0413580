import { setTimeout as pause } from 'node:timers/promises';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { seededRandom } from '../seeded-random.js';

export interface EnduranceOptions {
  readonly forMs: number;
  readonly lanes: number;
  readonly keys: number;
  readonly seed: number;
}

export interface EnduranceReport {
  readonly calls: number;
  readonly errors: string[];
  readonly wrongKey: number;
  readonly slowestMs: number;
  /** The least heap in use in the second and in the last quarter of the time, in bytes. */
  readonly heapEarly: number;
  readonly heapLate: number;
  readonly unhandled: string[];
}

/** Nine reads for one write, over many keys, for as long as it is told. */
export async function endure(
  cache: TieredCache,
  { forMs, lanes, keys, seed }: EnduranceOptions,
): Promise<EnduranceReport> {
  const random = seededRandom(seed);
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const errors: string[] = [];
  const unhandled: string[] = [];
  const heap: { at: number; bytes: number }[] = [];
  let [calls, wrongKey, slowestMs] = [0, 0, 0];
  const notice = (reason: unknown): void => void unhandled.push(String(reason));
  process.on('unhandledRejection', notice);

  const one = async (): Promise<void> => {
    const number = random.integer(0, keys - 1);
    const key = `key${number}`;
    const value = { number, text: 'x'.repeat(200) };
    if (random() < 0.9) {
      const read = await cache.getOrSet(key, () => pause(2, value), { ttl: 500, staleFor: 500, tags: ['all'] });
      if (read.number !== number) wrongKey++;
    } else if (random() < 0.5) await cache.set(key, value, { tags: ['all'] });
    else await cache.delete(key);
  };
  const lane = async (): Promise<void> => {
    while (elapsed() < forMs) {
      const began = performance.now();
      try {
        await one();
      } catch (error) {
        errors.push(String(error));
      }
      slowestMs = Math.max(slowestMs, performance.now() - began);
      if (++calls % 50 === 0) heap.push({ at: elapsed(), bytes: process.memoryUsage().heapUsed });
      await pause(random.integer(1, 5));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  process.off('unhandledRejection', notice);
  const least = (from: number, to: number): number =>
    Math.min(...heap.filter(({ at }) => at >= forMs * from && at < forMs * to).map(({ bytes }) => bytes));
  return { calls, errors, wrongKey, slowestMs, heapEarly: least(0.25, 0.5), heapLate: least(0.75, 1), unhandled };
}
