import type { Clock } from '../../value/clock.js';
import type { Protection } from './disk-folder.js';

/** How a database behaves. */
export interface DiskTuning {
  /** Infinity: a visitor's. It bounds nothing, takes no care of the database, and starts none anew. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** How long a transaction, or making room for one write, may take before its callers are told that the store can't be reached. */
  readonly deadlineMs: number;
  /** How often a process looks after the database: moved? too full? something expired? */
  readonly careEachMs: number;
  /** False only for a negative control: transactions don't stop for a process that opens. */
  readonly waitsForOpeners: boolean;
  /** The protection that is off. Only for negative controls. */
  readonly without?: Protection | undefined;
}
