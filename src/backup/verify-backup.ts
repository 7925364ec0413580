import { createHash } from 'node:crypto';
import { DamagedBackupError } from './backup-errors.js';
import type { BackupManifest } from './backup-manifest.js';
import { formatVersionOf, readRecords } from './backup-record.js';
import type { BackupRecord } from './backup-record.js';
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

/**
 * Reads a whole backup without a server: the lengths, the checksum in each dump, and, given the manifest, that it is the one that was written, to its end.
 * @throws DamagedBackupError
 */
export function verifyBackup(
  source: AsyncIterable<Uint8Array>,
  options: { readonly manifest?: BackupManifest | undefined; readonly signal?: AbortSignal } = {},
): Promise<VerifiedBackup> {
  return verifyRecords(source, options);
}

/**
 * As `verifyBackup`. @param look is called with what was found whole, while more is read.
 * @throws what `look` rejects with.
 * @internal
 */
export async function verifyRecords(
  source: AsyncIterable<Uint8Array>,
  { manifest, signal }: { readonly manifest?: BackupManifest | undefined; readonly signal?: AbortSignal },
  look?: (records: readonly BackupRecord[]) => Promise<void>,
): Promise<VerifiedBackup> {
  const hash = createHash('sha256');
  let bytes = 0;
  let records = 0;
  let formatVersion = 0;
  let looking: Promise<void> | undefined;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      signal?.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
  };
  for await (const page of readRecords(counted())) {
    for (const { key, dump, at } of page) {
      if (!endsWithItsCrc(dump)) {
        throw new DamagedBackupError('a dump does not match its checksum', at + 8 + key.length);
      }
      formatVersion = Math.max(formatVersion, formatVersionOf(dump));
    }
    records += page.length;
    await looking;
    looking = look?.(page);
    // It is thrown when its turn comes.
    looking?.catch(() => {});
  }
  await looking;
  const sha256 = hash.digest('hex');
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
