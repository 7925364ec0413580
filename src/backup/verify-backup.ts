import { KnownOptions } from '../value/known-options.js';
import type { OptionTable } from '../value/known-options.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { DamagedBackupError } from './backup-errors.js';
import type { BackupManifest } from './backup-manifest.js';
import { ProgressMeter } from './backup-progress.js';
import type { BackupProgress } from './backup-progress.js';
import { formatVersionOf, readRecords } from './backup-record.js';
import type { BackupRecord } from './backup-record.js';
import { CountedSource } from './counted-source.js';
import { endsWithItsCrc } from './crc64.js';

export interface VerifiedBackup {
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
  /** The newest format among the dumps: a server must know it to restore them. 0 for an empty backup. */
  readonly formatVersion: number;
  /** False without a manifest: a backup that was cut between two chunks looks whole, and can't be told from one. */
  readonly endIsKnown: boolean;
}

export interface VerifyBackupOptions {
  /** Default: none; then a backup that was cut between two chunks can't be told from a whole one. */
  readonly manifest?: BackupManifest | undefined;
  /** How many bytes there are to read, for the progress. Default: as many as the manifest says; without one, unknown. */
  readonly expectedBytes?: number;
  /** Called about once a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Ends it with the signal's reason, also while the source gives no more. */
  readonly signal?: AbortSignal | undefined;
}

export const verifyOptionTable: OptionTable<VerifyBackupOptions> = {
  manifest: true,
  expectedBytes: true,
  onProgress: true,
  signal: true,
};
const known = KnownOptions.of<VerifyBackupOptions>('verifyBackup()', verifyOptionTable);

/**
 * Reads a whole backup without a server: the lengths, the checksum in each dump, and, given the manifest, that it is the one that was written, to its end.
 * @throws DamagedBackupError, InvalidOptionError
 */
export async function verifyBackup(
  source: AsyncIterable<Uint8Array>,
  given: VerifyBackupOptions = {},
  clock: Clock = systemClock,
): Promise<VerifiedBackup> {
  known.check(given);
  const { onProgress, ...options } = given;
  const meter = new ProgressMeter(clock, onProgress);
  const verified = await verifyRecords(source, options, meter);
  meter.advance('done', verified.records, verified.bytes);
  return verified;
}

/**
 * As `verifyBackup`. @param look is called with what was found whole, while more is read.
 * @throws what `look` rejects with.
 * @internal
 */
export async function verifyRecords(
  source: AsyncIterable<Uint8Array>,
  { manifest, expectedBytes = manifest?.bytes ?? 0, signal }: Omit<VerifyBackupOptions, 'onProgress'>,
  meter: ProgressMeter,
  look?: (records: readonly BackupRecord[]) => Promise<void>,
): Promise<VerifiedBackup> {
  meter.expect(manifest?.records ?? 0, expectedBytes);
  const counted = new CountedSource(source, signal);
  let records = 0;
  let formatVersion = 0;
  let looking: Promise<void> | undefined;
  for await (const page of readRecords(counted)) {
    for (const { key, dump, at } of page) {
      if (!endsWithItsCrc(dump)) {
        throw new DamagedBackupError('a dump does not match its checksum', at + 8 + key.length);
      }
      formatVersion = Math.max(formatVersion, formatVersionOf(dump));
    }
    records += page.length;
    meter.advance('verifying', records, counted.bytes);
    await looking;
    looking = look?.(page);
    // It is thrown when its turn comes.
    looking?.catch(() => {});
  }
  await looking;
  const { bytes } = counted;
  const sha256 = counted.sha256();
  if (manifest) {
    const differs = manifest.bytes !== bytes || manifest.records !== records || manifest.sha256 !== sha256;
    if (differs) {
      const problem = `it has ${records} chunks in ${bytes} bytes, and its manifest says ${manifest.records} in ${manifest.bytes}`;
      throw new DamagedBackupError(
        manifest.bytes === bytes ? 'its bytes are not those that were written' : problem,
        bytes,
      );
    }
  }
  return { records, bytes, sha256, formatVersion, endIsKnown: manifest !== undefined };
}
