import type { Clock } from '../value/clock.js';

export interface BackupProgress {
  readonly phase: 'dumping' | 'checking' | 'restoring' | 'done';
  readonly records: number;
  /** How many there may be: keys that expire are counted, and are no part of a backup. 0: unknown. */
  readonly expectedRecords: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** Of this phase; absent while it can't be told. */
  readonly remainingMs?: number;
}

const pauseMs = 1_000;

/** Tells of progress about once a second. */
export class ProgressMeter {
  private expectedRecords = 0;
  private phase: BackupProgress['phase'] | undefined;
  private phaseBeganAt = 0;
  private beganAt: number | undefined;
  private toldAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly tell: ((progress: BackupProgress) => void) | undefined,
  ) {}

  expect(records: number): void {
    this.expectedRecords = records;
  }

  advance(phase: BackupProgress['phase'], records: number, bytes: number): void {
    if (!this.tell) return;
    const now = this.clock.monotonic();
    this.beganAt ??= now;
    if (phase !== this.phase) {
      this.phase = phase;
      // What is done has taken all the time there was.
      this.phaseBeganAt = phase === 'done' ? this.beganAt : now;
    } else if (now - this.toldAt < pauseMs) return;
    this.toldAt = now;
    const tookMs = now - this.phaseBeganAt;
    const { expectedRecords } = this;
    const leftMs = records > 0 && tookMs > 0 ? (tookMs / records) * Math.max(0, expectedRecords - records) : undefined;
    this.tell({
      phase,
      records,
      expectedRecords,
      bytes,
      bytesPerSecond: tookMs > 0 ? Math.round((bytes * 1_000) / tookMs) : 0,
      ...(leftMs !== undefined && phase !== 'done' && { remainingMs: Math.round(leftMs) }),
    });
  }
}
