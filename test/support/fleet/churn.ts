import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TieredCache } from '../../../src/cache/tiered-cache.js';
import { onCacheEvent } from '../../../src/value/events.js';
import { seededRandom } from '../seeded-random.js';

export interface ChurnOptions {
  readonly member: number;
  readonly members: number;
  readonly rows: number;
  /** Updates of each row of this member. */
  readonly rounds: number;
  readonly readers: number;
  readonly seed: number;
  /** Between two updates of a row. Default 120. */
  readonly longestPauseMs?: number;
}

export interface ChurnReport {
  readonly reads: number;
  readonly acknowledged: number;
  readonly unacknowledged: number;
  readonly errors: string[];
}

/**
 * Readers of all rows, and the one writer of each row that is this member's: it changes the row at its source, then invalidates it. What was read
 * and what was acknowledged stands in the journal, with the instants of this host's clock at which each began and ended:
 *
 * `R member row version began ended` · `W member row version acknowledged` · `F member at` for a store that could not be reached
 */
export async function churn(cache: TieredCache, folder: string, options: ChurnOptions): Promise<ChurnReport> {
  const { member, members, rows, rounds, readers, seed, longestPauseMs = 120 } = options;
  const random = seededRandom(seed + member);
  const journal = (...fields: (string | number)[]): void =>
    appendFileSync(join(folder, 'churn'), `${fields.join(' ')}\n`);
  const source = (row: number): string => join(folder, `row${row}`);
  const errors: string[] = [];
  let [reads, acknowledged, unacknowledged] = [0, 0, 0];
  let writing = true;
  const stopListening = onCacheEvent('fault', ({ kind }) => {
    if (kind === 'unavailable') journal('F', member, Date.now());
  });

  const load = async (row: number): Promise<number> => {
    const version = Number(readFileSync(source(row), 'utf8'));
    await pause(random.integer(0, 15));
    return version;
  };
  const read = async (): Promise<void> => {
    const row = random.integer(0, rows - 1);
    const began = Date.now();
    const version = await cache.getOrSet(`row${row}`, () => load(row), { ttl: 60_000 });
    journal('R', member, row, version, began, Date.now());
    reads++;
  };
  const update = async (row: number, version: number): Promise<void> => {
    writeFileSync(`${source(row)}.draft`, `${version}`);
    renameSync(`${source(row)}.draft`, source(row));
    if (!(await cache.delete(`row${row}`))) return void unacknowledged++;
    journal('W', member, row, version, Date.now());
    acknowledged++;
  };
  const attempt = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      errors.push(String(error));
    }
  };
  const reader = async (): Promise<void> => {
    while (writing) {
      await attempt(read());
      await pause(random.integer(1, 8));
    }
  };
  const writer = async (row: number): Promise<void> => {
    for (let version = 2; version < 2 + rounds; version++) {
      await attempt(update(row, version));
      await pause(random.integer(5, longestPauseMs));
    }
  };

  const reading = Promise.all(Array.from({ length: readers }, reader));
  const own = Array.from({ length: rows }, (_, row) => row).filter((row) => row % members === member);
  await Promise.all(own.map(writer));
  writing = false;
  await reading;
  stopListening();
  return { reads, acknowledged, unacknowledged, errors };
}
