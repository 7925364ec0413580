import type { Clock } from '../value/clock.js';

export interface BackupProgress {
  /**
   * `strict` lists names, dumps, and then checks which keys are still there; `complete` dumps. A restore verifies the whole backup, and then restores it.
   * `done`: the end of all.
   */
  readonly phase: 'listing' | 'dumping' | 'checking' | 'verifying' | 'restoring' | 'done';
  /** Of this phase. While names are listed, of keys. */
  readonly records: number;
  /** How many there may be. 0: unknown. */
  readonly expectedRecords: number;
  /** Of this phase. While names are listed, 0. */
  readonly bytes: number;
  /** How many there are. 0: unknown. */
  readonly expectedBytes: number;
  readonly bytesPerSecond: number;
  /** Of this phase; absent while it can't be told. */
  readonly remainingMs?: number;
}

const pauseMs = 1_000;

/** Tells of progress about once a second. */
export class ProgressMeter {
  private expectedRecords = 0;
  private expectedBytes = 0;
  private phase: BackupProgress['phase'] | undefined;
  private phaseBeganAt = 0;
  private beganAt: number | undefined;
  private toldAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly tell: ((progress: BackupProgress) => void) | undefined,
  ) {}

  /** @param records how many there may be. @param bytes how many there are. 0: unknown. */
  expect(records: number, bytes = 0): void {
    this.expectedRecords = records;
    this.expectedBytes = bytes;
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
    const { expectedRecords, expectedBytes } = this;
    const [done, expected] = expectedBytes > 0 ? [bytes, expectedBytes] : [records, expectedRecords];
    const leftMs = done > 0 && expected > 0 && tookMs > 0 ? (tookMs / done) * Math.max(0, expected - done) : undefined;
    this.tell({
      phase,
      records,
      expectedRecords,
      bytes,
      expectedBytes,
      bytesPerSecond: tookMs > 0 ? Math.round((bytes * 1_000) / tookMs) : 0,
      ...(leftMs !== undefined && phase !== 'done' && { remainingMs: Math.round(leftMs) }),
    });
  }
}
