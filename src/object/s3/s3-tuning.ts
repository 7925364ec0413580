import type { Clock } from '../../value/clock.js';
import type { BodyTuning } from '../resumed-body.js';

/** What tests set and users don't. */
export interface S3Tuning extends BodyTuning {
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether a body that goes on insists on the version that it began with. */
  readonly bindsResumes: boolean;
  readonly partsAtOnce: number;
  /** Keys of one page of a list. */
  readonly pageKeys: number;
}
