import { TieredCacheError } from '../../value/errors.js';
import type { Caused } from '../../value/errors.js';

/** A hole of a spliced document could not be filled. Nothing of the document has been handed out. */
export class FillerError extends TieredCacheError {
  readonly code = 'FILLER_FAILED';

  constructor(
    /** The type of the hole. Its argument and what was to go into it are not shown. */
    readonly holeType: number,
    problem: string,
    remedy: string,
    options?: Caused,
  ) {
    super(`A hole of type ${holeType} ${problem}. ${remedy}`, options);
  }
}
