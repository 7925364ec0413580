/** What tests set and users don't. */
export interface FilesTuning {
  /** How often the length of a file is asked for that another process fills. Five times longer once nothing has come for 50 ms. */
  readonly pollMs: number;
  /** So long without a byte, and it is asked who fills the file, and whether that process lives. */
  readonly stagnantMs: number;
  /** So long without a byte from a process that lives, and readers go to the object store themselves. */
  readonly patienceMs: number;
  /** So long without a reader, and a download with much left to do stops. */
  readonly lingerMs: number;
  /** What is left of a download that is finished without a reader. A tenth of the file is as well. */
  readonly finishBytes: number;
  /** A reader so far ahead of the download goes to the object store itself. */
  readonly farAheadBytes: number;
  /** As many of those at a time. */
  readonly maxBypasses: number;
  /** How long an unfinished file is gone on with after its download stopped. */
  readonly partMs: number;
  /** How long it is remembered that an object is absent or denied. */
  readonly negativeMs: number;
  /** Handles that stay open while nobody reads. */
  readonly maxOpen: number;
  /** How long a folder that could not be used is left alone. */
  readonly retryMs: number;
  /** Protections that tests switch off, to see what each is for. */
  readonly without: ReadonlySet<Protection>;
}

/**
 * `binding`: a download that is gone on with insists on the version that it began with. `purged-parts`: a purge takes unfinished files as well.
 * `holding-back`: the last bytes wait for the checksum. `takeover`: a follower goes on where a dead process stopped. `one-leader`: one process
 * downloads.
 */
export type Protection = 'binding' | 'purged-parts' | 'holding-back' | 'takeover' | 'one-leader';

export const usualTuning: FilesTuning = {
  pollMs: 5,
  stagnantMs: 100,
  patienceMs: 15_000,
  lingerMs: 2_000,
  finishBytes: 16 * 2 ** 20,
  farAheadBytes: 8 * 2 ** 20,
  maxBypasses: 4,
  partMs: 10 * 60_000,
  negativeMs: 5_000,
  maxOpen: 128,
  retryMs: 10_000,
  without: new Set(),
};
