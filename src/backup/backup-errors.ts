import { TieredCacheError } from '../value/errors.js';
import { safeLine } from '../value/safe-text.js';

/** A backup that is not what it should be. Nothing of it was restored; where it changed between its verification and its end, some of it may have been. */
export class DamagedBackupError extends TieredCacheError {
  readonly code = 'DAMAGED_BACKUP';

  /** @param at the byte of the file at which the damage was noticed. @param outcome what has become of it, and what to do. */
  constructor(
    problem: string,
    readonly at: number,
    outcome = 'None of it is restored: take another backup.',
  ) {
    super(`The backup is damaged at byte ${at}: ${problem}. ${outcome}`);
  }
}

/** The backup holds what this server can't read, or meets what it must not replace. Nothing of it was restored. */
export class RestoreRefusedError extends TieredCacheError {
  readonly code = 'RESTORE_REFUSED';

  constructor(problem: string, remedy: string) {
    super(`${problem}. Nothing was restored. ${remedy}`);
  }
}

/** A key whose dump is too large to be restored: RESTORE takes 512 MiB at most. There is no backup of the others either. */
export class DumpTooLargeError extends TieredCacheError {
  readonly code = 'DUMP_TOO_LARGE';

  /** @param bytes of its dump. @param maxBytes that a dump may have. */
  constructor(
    readonly key: Buffer,
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `The dump of the key ${shown(key)} has ${bytes} bytes, and a server takes ${maxBytes} at most. ` +
        'The backup has ended: store the value under several keys, or give the key an expiration, and take it again.',
    );
  }
}

const shownBytes = 200;

function shown(key: Buffer): string {
  return `${safeLine(key.toString('utf8', 0, shownBytes))}${key.length > shownBytes ? '…' : ''}`;
}
