import { TieredCacheError } from '../value/errors.js';

/** A backup that is not what it should be. Nothing of it was restored. */
export class DamagedBackupError extends TieredCacheError {
  readonly code = 'DAMAGED_BACKUP';

  /** @param at the byte of the file at which the damage was noticed. */
  constructor(
    problem: string,
    readonly at: number,
  ) {
    super(`The backup is damaged at byte ${at}: ${problem}. Nothing was restored; take another backup.`);
  }
}

/** The backup holds what this server can't read, or meets what it must not replace. Nothing of it was restored. */
export class RestoreRefusedError extends TieredCacheError {
  readonly code = 'RESTORE_REFUSED';

  constructor(problem: string, remedy: string) {
    super(`${problem}. Nothing was restored. ${remedy}`);
  }
}
