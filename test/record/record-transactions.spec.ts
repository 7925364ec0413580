import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { startRedis } from '../support/redis-process.js';
import type { RedisProcess } from '../support/redis-process.js';
import { startWorker } from '../support/worker-process.js';
import type { WorkerProcess } from '../support/worker-process.js';
import type { TestedDriver } from '../store/redis/drivers.js';
import type { LockbookReport, LockbookWorkerData } from './lockbook-worker.js';

const owners = Array.from({ length: 6 }, (_, index) => `A${index}+/=`);
const cap = 25;
const processes = 4;
const each = process.env['ENDURANCE'] ? 40 : 15;

describe('Transactions of four processes with eight callers each, on the files of six owners', () => {
  let server: RedisProcess;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.command('FLUSHALL');
    for (const owner of owners) await server.command('SET', `public_key:${owner}:data_cap`, String(cap));
  });

  const run = async (
    mode: LockbookWorkerData['mode'],
    driver: TestedDriver = 'built-in',
    meanwhile?: () => Promise<void>,
  ) => {
    const workers: WorkerProcess[] = [];
    try {
      for (let seed = 1; seed <= processes; seed++) {
        const data: LockbookWorkerData = { url: server.url, driver, seed, owners, mode };
        workers.push(await startWorker(new URL('./lockbook-worker.ts', import.meta.url), data));
      }
      let isRunning = true;
      const watching = (async () => {
        while (isRunning && meanwhile) await meanwhile();
      })();
      const reports = await Promise.all(workers.map((worker) => worker.call<LockbookReport>('run', each)));
      isRunning = false;
      await watching;
      return reports;
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  };

  /** What stands in Redis, read from beside. */
  const state = async () => {
    const listed: string[] = [];
    let longest = 0;
    for (const owner of owners) {
      const text = await server.command('GET', `public_key:${owner}:owned_files`);
      const files = text === null ? [] : (JSON.parse(String(text)) as string[]);
      longest = Math.max(longest, files.length);
      listed.push(...files);
    }
    const idsOf = async (kind: string): Promise<string[]> => {
      const names = (await server.command('KEYS', `file_id:*:${kind}`)) as Buffer[];
      return names.map((name) => name.toString().split(':')[1] as string).sort();
    };
    return { listed: listed.sort(), described: await idsOf('metadata'), sized: await idsOf('size'), longest };
  };

  const sum = (reports: readonly LockbookReport[], of: (report: LockbookReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const settled = (reports: readonly LockbookReport[]): number =>
    sum(reports, (report) =>
      [report.moved, report.aborted, report.conflicts, report.unavailable, report.unknown, report.injected]
        .concat([report.phantoms, report.created.length, report.removed.length, report.otherErrors.length])
        .reduce((total, count) => total + count, 0),
    );

  it.each(['built-in', 'ioredis 6'] as const)(
    'W1 W2 through %s, connections killed at random: lists, metadata and sizes agree, nothing acknowledged is missing, no state that never was is told',
    async (driver) => {
      let overCap = 0;
      let looks = 0;
      const reports = await run('protected', driver, async () => {
        if ((await state()).longest > cap) overCap++;
        if (++looks % 4 === 0) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await new Promise((resolve) => setTimeout(resolve, 30));
      });
      expect(settled(reports)).toBe(processes * 8 * each);
      expect(reports.flatMap(({ otherErrors }) => otherErrors)).toEqual([]);
      expect([sum(reports, ({ phantoms }) => phantoms), overCap]).toEqual([0, 0]);
      const { listed, described, sized } = await state();
      expect(new Set(listed).size).toBe(listed.length);
      expect([described, sized]).toEqual([listed, listed]);
      // Acknowledged is present unless it was removed, by an acknowledged removal or by one of unknown outcome.
      const removed = new Set(reports.flatMap((report) => report.removed));
      const created = reports.flatMap((report) => report.created);
      const missing = created.filter((id) => !removed.has(id) && !listed.includes(id));
      const unknown = sum(reports, (report) => report.unknown);
      expect(missing.length).toBeLessThanOrEqual(unknown);
      expect(listed.filter((id) => removed.has(id))).toEqual([]);
      expect(listed.length - created.filter((id) => !removed.has(id)).length).toBeLessThanOrEqual(unknown);
      expect(created.length).toBeGreaterThan(50);
      await eventually(async () => expect(await server.text('CLIENT', 'LIST')).not.toMatch(/ watch=[1-9]/));
    },
  );

  it('W1 without a kill, every transaction is accounted for to the last file, and no connection watches anything afterwards', async () => {
    const reports = await run('protected');
    expect(sum(reports, (report) => report.unknown + report.unavailable + report.conflicts)).toBe(0);
    const removed = new Set(reports.flatMap((report) => report.removed));
    const expected = reports.flatMap((report) => report.created).filter((id) => !removed.has(id));
    expect((await state()).listed).toEqual(expected.sort());
  });

  // Negative control: what one caller watches, another's EXEC forgets.
  it('W1 on a connection that is shared, lists and members do not agree', async () => {
    const reports = await run('shared');
    const { listed, described } = await state();
    const acknowledged =
      sum(reports, (report) => report.created.length) - sum(reports, (report) => report.removed.length);
    expect([listed.length, described]).not.toEqual([acknowledged, listed]);
  });

  // Negative control: EXEC alone tells whether what a body saw was ever so.
  it('W2 without a confirmation, bodies tell of states that never were', async () => {
    const reports = await run('unconfirmed');
    expect(sum(reports, (report) => report.phantoms)).toBeGreaterThan(0);
  });
});
