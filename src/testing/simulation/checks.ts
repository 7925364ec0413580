import { milliseconds } from '../../value/duration.js';
import type { Duration } from '../../value/duration.js';
import { KnownOptions } from '../../value/known-options.js';
import type { Call, History, Moment, VersionRead } from './history.js';

const knownOfNeverOlder = KnownOptions.of<NeverOlderOptions>('neverOlderThanAcknowledged()', { within: true });
const knownOfNeverGoesBack = KnownOptions.of<NeverGoesBackOptions>('neverGoesBack()', { withFaults: true });

/** What must hold in every history. It returns what is wrong, one sentence each; nothing or an empty list: all is as it should be. */
export interface Check {
  /** For the report: what holds. */
  readonly name: string;
  readonly violations: (history: History) => readonly string[] | void;
  /** How many milliseconds pass at the end of a story, when all is well, before the last reads. Default 0. */
  readonly restMs?: number;
}

/** Options of {@link neverOlderThanAcknowledged}. */
export interface NeverOlderOptions {
  /**
   * How long another process may believe what it has: `coherence.interval`, `coherence.blindFor`, and what a reading of the feed may take. The process
   * that was acknowledged to sees its own at once.
   */
  readonly within: Duration;
}

/**
 * Whoever begins to read a row later than `within` after a version of it was acknowledged is given that version or a newer one; the process that it
 * was acknowledged to, at once.
 *
 * @throws InvalidDurationError, InvalidOptionError
 */
export function neverOlderThanAcknowledged(options: NeverOlderOptions): Check {
  knownOfNeverOlder.check(options);
  const boundMs = milliseconds(options.within, 'within');
  return {
    name: `never older than was acknowledged ${boundMs} ms before`,
    restMs: boundMs + 1,
    violations: ({ reads, acknowledged }) =>
      reads.flatMap((read) => {
        const binding = acknowledged.filter(
          (one) =>
            one.row === read.row &&
            one.version > read.version &&
            one.order < read.began.order &&
            (one.process === read.process || one.at + boundMs < read.began.at),
        );
        const newest = binding.reduce((most, { version }) => Math.max(most, version), 0);
        return newest > 0 ? [`${nameOf(read)}, though ${newest} was acknowledged before it asked`] : [];
      }),
  };
}

/** Options of {@link neverGoesBack}. */
export interface NeverGoesBackOptions {
  /** Asks it of histories with faults too. Default false: a process that crashed, or a store that lost what it held, may well go back. */
  readonly withFaults?: boolean;
}

/**
 * A process that was given a version of a row is never given an older one by an operation that it begins after that. Not where the version came of a
 * load whose fill was refused: its callers are given what it brought, and nobody else is, for the store can't tell whether it is older or newer than
 * what was written meanwhile.
 */
export function neverGoesBack(options: NeverGoesBackOptions = {}): Check {
  knownOfNeverGoesBack.check(options);
  const { withFaults = false } = options;
  return {
    name: 'never goes back',
    violations: (history) =>
      history.reads.flatMap((read) => {
        if (!withFaults && !history.wasWellUntil(read)) return [];
        const newer = history.reads.find(
          (one) =>
            one.process === read.process &&
            one.row === read.row &&
            one.version > read.version &&
            isBefore(one, read.began) &&
            !history.mayBeOfRefusedLoad(one),
        );
        return newer ? [`${nameOf(read)}, though it had been given ${newer.version} before`] : [];
      }),
  };
}

/**
 * No two loads of one key run at once in caches of one name, whichever processes they are of, as long as nothing has gone wrong and nothing was
 * written or invalidated between their beginnings. Not for operations that force a miss: those load whatever others do.
 */
export function oneLoadAtATime(): Check {
  return {
    name: 'one load at a time',
    violations: (history) =>
      history.loads.flatMap((load, index) => {
        if (!history.wasWellUntil(load.began)) return [];
        const other = history.loads
          .slice(0, index)
          .find(
            (one) =>
              one.key === load.key &&
              one.cache === load.cache &&
              !(one.ended && isBefore(one.ended, load.began)) &&
              !wasWrittenBetween(history, one.began, load.began),
          );
        return other ? [`${load.process} and ${other.process} load ${load.key} at once`] : [];
      }),
  };
}

/** The library gives no write up as long as nothing has gone wrong. */
export function nothingGivenUp(): Check {
  return {
    name: 'nothing given up while all is well',
    violations: (history) =>
      history.givenUp
        .filter((one) => history.wasWellUntil(one))
        .map(({ key, reason }) => `a write of ${key} was given up: ${reason}`),
  };
}

const wasWrittenBetween = (history: History, from: Moment, until: Moment): boolean =>
  history.invalidated.some((name) => isBefore(from, name) && isBefore(name, until)) ||
  history.calls.some(
    (call) => isBefore(call.began, until) && !hasEndedBefore(call, from) && mayHaveWritten(history, call),
  );

/** What an operation invalidates is told when the store has answered: other loads may have begun anew before. */
const mayHaveWritten = ({ invalidated }: History, call: Call): boolean =>
  call.kind === 'writes' ||
  (call.kind === 'does' && invalidated.some((name) => isBefore(call.began, name) && !hasEndedBefore(call, name)));

const hasEndedBefore = ({ ended }: Call, moment: Moment): boolean => ended !== undefined && isBefore(ended, moment);

const isBefore = (one: Moment, other: Moment): boolean => one.order < other.order;

const nameOf = ({ process, row, version }: VersionRead): string => `${process} was given ${row} ${version}`;
