import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { toldHistory } from '../../support/simulation/told-history.js';
import { startWorker } from '../../support/worker-process.js';
import type { WorkerProcess } from '../../support/worker-process.js';

describe('a seed', () => {
  let another: WorkerProcess;
  beforeAll(async () => {
    another = await startWorker(new URL('../../support/simulation/history-worker.ts', import.meta.url));
  });
  afterAll(() => another.kill());

  it.each([1, 2, 1234])('tells the same history in another process: %d', async (seed) => {
    const here = await toldHistory(seed);
    expect(here.length).toBeGreaterThan(10_000);
    expect(await another.call('told', seed)).toBe(here);
  });

  it('tells another history than the next one', async () => {
    expect(await toldHistory(3)).not.toBe(await toldHistory(4));
  });
});
