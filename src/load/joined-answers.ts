import { allowsStale } from '../catalogue/allows-stale.js';
import type { Coherence } from '../coherence/coherence.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { NearTiers } from '../near/near-tiers.js';
import { LoadTimeoutError } from '../value/errors.js';
import { loadUnderWay } from './flight.js';
import type { Flight, Landed } from './flight.js';
import { isOvertaken } from './is-overtaken.js';
import type { LoadCall } from './load-call.js';
import type { LoadReads } from './load-reads.js';

/** What a caller does whose flight brings home what may be too old for it. */
interface Anew<V> {
  /** Asks once more. What is under way then began since this caller asked, and is not judged. */
  readonly again: () => Promise<Landed<V>>;
  /** Asks with a flight that nobody joins. */
  readonly alone: () => Promise<Landed<V>>;
}

/** Judges what a flight brings home for a caller who joined it when it was under way: only then are all of its tags known. */
export class JoinedAnswers {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
  ) {}

  /**
   * If one of its tags was named since it began, and anything had been when this caller joined, the caller asks anew: once, however often the tags are
   * named. A load that took longer than it may is not repeated.
   */
  judged<V>(
    landing: Promise<Landed<V>>,
    flight: Flight<Landed<V>>,
    call: LoadCall<V>,
    anew: Anew<V>,
  ): Promise<Landed<V>> {
    const load = loadUnderWay();
    if (load) return this.judgedInLoad(load, landing, flight, call, anew);
    if (!this.coherence.names.anyNamedSince(flight.position)) return landing;
    const judge = (landed: Landed<V>): Landed<V> | Promise<Landed<V>> =>
      this.isTagNamed(flight, landed) ? anew.again() : landed;
    return landing.then(judge, (error: unknown) => {
      if (flight.landed && !(error instanceof LoadTimeoutError) && this.isTagNamed(flight)) return anew.again();
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
    { again, alone }: Anew<V>,
  ): Promise<Landed<V>> {
    const { position } = flight;
    // Where nobody vouches for near copies, a reading tells nothing.
    const isKnown = (): boolean | Promise<boolean> => !this.coherence.vouches || load.verify(this.coherence);
    const isLate = (landed: Pick<Landed, 'copy' | 'withdrawnAt'>): boolean =>
      this.isTagNamed(flight, landed) || isOvertaken(this.near, key, position, landed);
    const judge = async (landed: Landed<V>): Promise<Landed<V>> => {
      if (!(await isKnown())) return alone();
      return isLate(landed) ? again() : landed;
    };
    return landing.then(judge, async (error: unknown) => {
      const isAnswer = flight.landed && allowsStale(policy, error, this.cache, key.text) !== true;
      if (isAnswer && (!(await isKnown()) || isLate({ copy: undefined, withdrawnAt: position }))) load.taint();
      throw error;
    });
  }
}
