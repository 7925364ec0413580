import { describe, expect, it } from '@jest/globals';
import { ProgressMeter } from '../../src/backup/backup-progress.js';
import type { BackupProgress } from '../../src/backup/backup-progress.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

describe('The progress of a backup', () => {
  it('is told once a second, with the rate and the remaining time of its phase, and at the end of all', async () => {
    const clock = new FakeClock();
    const told: BackupProgress[] = [];
    const meter = new ProgressMeter(clock, (progress) => told.push(progress));
    meter.expect(1_000);
    meter.advance('dumping', 10, 5_000);
    await clock.advance(500);
    meter.advance('dumping', 100, 50_000);
    await clock.advance(1_500);
    meter.advance('dumping', 400, 200_000);
    // As many records are left as bytes say, whose number is known by now.
    meter.expect(800, 500_000);
    meter.advance('checking', 50, 25_000);
    await clock.advance(2_000);
    meter.advance('checking', 600, 300_000);
    meter.advance('done', 800, 400_000);
    expect(told).toEqual([
      // Nothing is known of how fast it is.
      { phase: 'dumping', records: 10, expectedRecords: 1_000, bytes: 5_000, expectedBytes: 0, bytesPerSecond: 0 },
      {
        phase: 'dumping',
        records: 400,
        expectedRecords: 1_000,
        bytes: 200_000,
        expectedBytes: 0,
        bytesPerSecond: 100_000,
        remainingMs: 3_000,
      },
      {
        phase: 'checking',
        records: 50,
        expectedRecords: 800,
        bytes: 25_000,
        expectedBytes: 500_000,
        bytesPerSecond: 0,
      },
      {
        phase: 'checking',
        records: 600,
        expectedRecords: 800,
        bytes: 300_000,
        expectedBytes: 500_000,
        bytesPerSecond: 150_000,
        remainingMs: 1_333,
      },
      {
        phase: 'done',
        records: 800,
        expectedRecords: 800,
        bytes: 400_000,
        expectedBytes: 500_000,
        bytesPerSecond: 100_000,
      },
    ]);
  });

  it('claims no end where nothing is known of how much there is', async () => {
    const clock = new FakeClock();
    const told: BackupProgress[] = [];
    const meter = new ProgressMeter(clock, (progress) => told.push(progress));
    meter.advance('verifying', 10, 5_000);
    await clock.advance(2_000);
    meter.advance('verifying', 100, 50_000);
    expect(told.at(-1)).toEqual({
      phase: 'verifying',
      records: 100,
      expectedRecords: 0,
      bytes: 50_000,
      expectedBytes: 0,
      bytesPerSecond: 25_000,
    });
  });
});
