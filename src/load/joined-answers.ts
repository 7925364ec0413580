import { allowsStale } from '../catalogue/allows-stale.js';
import type { Coherence } from '../coherence/coherence.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { CacheClock } from '../value/cache-clock.js';
import { LoadTimeoutError } from '../value/errors.js';
import { loadUnderWay } from './flight.js';
import type { Flight, Landed } from './flight.js';
import { isOvertaken } from './is-overtaken.js';
import type { LoadCall } from './load-call.js';
import type { LoadReads } from './load-reads.js';

/** What a caller does whose flight brings home what may be too old for it. */
interface Anew<V> {
  /** When this caller asked first, by the monotonic clock. All that follows waits for what is left of its time. */
  readonly askedAt: number;
  /** Asks once more. What is under way then began since this caller asked first, and is not judged. */
  readonly again: () => Promise<Landed<V>>;
  /** Asks with a flight that nobody joins. */
  readonly alone: () => Promise<Landed<V>>;
  /** Reads what has to be known first. @throws LoadTimeoutError; the signal's reason. */
  readonly inTime: <R>(read: () => Promise<R>) => Promise<R>;
}

/** Judges what a flight brings home for a caller who joined it when it was under way: only then are all of its tags known. */
export class JoinedAnswers {
  constructor(
    private readonly cache: string,
    private readonly clock: CacheClock,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
  ) {}

  /**
   * If one of its tags was named since it began, and anything had been when this caller joined, the caller asks anew: once, however often the tags are
   * named. A load that took longer than it may is not repeated. A wait for another process's load ends when the first caller's time is over: this one asks
   * once more, for what is left of its own.
   */
  judged<V>(
    landing: Promise<Landed<V>>,
    flight: Flight<Landed<V>>,
    call: LoadCall<V>,
    anew: Anew<V>,
  ): Promise<Landed<V>> {
    const load = loadUnderWay();
    if (load) return this.judgedInLoad(load, landing, flight, call, anew);
    const { askedAt, again } = anew;
    const isDoubtful = this.coherence.names.anyNamedSince(flight.position);
    const judge = (landed: Landed<V>): Landed<V> | Promise<Landed<V>> =>
      isDoubtful && this.isTagNamed(flight, landed) ? again() : landed;
    return landing.then(judge, (error: unknown) => {
      if (this.goesOn(flight, error, askedAt + call.policy.hardMs)) return again();
      const isTooLong = error instanceof LoadTimeoutError;
      if (!isTooLong && isDoubtful && flight.hasEnded && this.isTagNamed(flight)) return again();
      throw error;
    });
  }

  /** Whether a tag of what it loads, or has brought home, was named since it began. */
  isTagNamed(flight: Flight, landed?: Pick<Landed, 'copy'>): boolean {
    const isNamed = (tag: string): boolean => this.coherence.names.namedSince(tagName(tag), flight.position);
    return flight.hasTag(isNamed) || this.near.tagNamedSince(landed?.copy?.tags ?? [], flight.position);
  }

  /** A loader joins what may have begun before its own load did: its key is judged as well. What is made of an error that says there is none is not kept then. */
  private judgedInLoad<V>(
    load: LoadReads,
    landing: Promise<Landed<V>>,
    flight: Flight<Landed<V>>,
    { key, policy }: LoadCall<V>,
    { askedAt, again, alone, inTime }: Anew<V>,
  ): Promise<Landed<V>> {
    const { position } = flight;
    const { coherence } = this;
    // Where nobody vouches for near copies, a reading tells nothing.
    const isKnown = async (): Promise<boolean> =>
      !coherence.vouches || load.isVerified(coherence) || inTime(() => load.verify(coherence));
    const isLate = (landed: Pick<Landed, 'copy' | 'withdrawnAt'>): boolean =>
      this.isTagNamed(flight, landed) || isOvertaken(this.near, key, position, landed);
    const judge = async (landed: Landed<V>): Promise<Landed<V>> => {
      if (!(await isKnown())) return alone();
      return isLate(landed) ? again() : landed;
    };
    return landing.then(judge, async (error: unknown) => {
      if (this.goesOn(flight, error, askedAt + policy.hardMs)) return again();
      const isAnswer = flight.hasEnded && allowsStale(policy, error, this.cache, key.text) !== true;
      if (isAnswer) {
        // The error is the answer, however long the feed takes.
        const isJudged = await isKnown().catch(() => false);
        if (!isJudged || isLate({ copy: undefined, withdrawnAt: position })) load.taint();
      }
      throw error;
    });
  }

  /** Whether this caller waits on until then: the flight has ended because its first one had waited long enough for another process. */
  private goesOn(flight: Flight, error: unknown, until: number): boolean {
    const isOutwaited = flight.hasEnded && error instanceof LoadTimeoutError && (flight.carrier ?? flight).outwaited;
    return isOutwaited && this.clock.monotonic() < until;
  }
}
