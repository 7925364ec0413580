import { InvalidOptionError } from '../value/errors.js';

/**
 * `strict`: keys that were there when the backup began, when they were dumped and when it ended. `complete`: all that the server lists while it runs;
 * keys that were there throughout are among them.
 */
export type BackupMode = 'strict' | 'complete';

/** What a backup holds. The format of a backup has no end, so that one cut between two chunks looks whole: this tells. */
export interface BackupManifest {
  readonly format: 'redis-dump-chunks/1';
  readonly mode: BackupMode;
  readonly records: number;
  readonly bytes: number;
  /** Of all bytes, in hexadecimal. */
  readonly sha256: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly serverVersion: string;
  /** Keys that are not in it. */
  readonly skipped: {
    /** They had an expiration. */
    readonly expiring: number;
    /** They were gone before the backup ended; `complete` counts those that went between being listed and being dumped. */
    readonly vanished: number;
    /** They came after it had begun, or lost their expiration: keys without one that were there at its end. `complete`: 0. */
    readonly appeared: number;
  };
  /** Chunks whose key stands in an earlier one as well; the later counts. A server that grows meanwhile lists keys twice. */
  readonly repeated: number;
}

/** @throws InvalidOptionError for a text that is no manifest. */
export function parseManifest(text: string): BackupManifest {
  try {
    const parsed = JSON.parse(text) as Partial<BackupManifest>;
    const isWhole = [parsed.records, parsed.bytes].every(Number.isSafeInteger) && typeof parsed.sha256 === 'string';
    if (parsed.format === 'redis-dump-chunks/1' && isWhole) return parsed as BackupManifest;
  } catch {
    // As below.
  }
  throw new InvalidOptionError('manifest', 'it is no manifest of a backup', 'Give the file that the backup wrote.');
}
