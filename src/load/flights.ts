import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { allowsStale } from '../catalogue/allows-stale.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { CacheClock } from '../value/cache-clock.js';
import { channels, reportFault } from '../value/events.js';
import { heldError } from './failed-loads.js';
import type { FailedLoads } from './failed-loads.js';
import { Flight, loadUnderWay, outsideOfLoads } from './flight.js';
import type { Landed } from './flight.js';
import { mayLeave } from './impatient.js';
import type { Impatient, Patience } from './impatient.js';
import { JoinedAnswers } from './joined-answers.js';
import type { LoadCall } from './load-call.js';
import type { SingleFills } from './single-fills.js';
import { SlotMap } from './slot-map.js';
import type { Landing, Wanted } from './wanted.js';

type Fly<V> = (flight: Flight<Landed<V>>) => Promise<Landed<V>>;

/** How soon a process asks whether another's refresh has come in. */
const refreshElsewhereMs = 250;
/** How soon a failed refresh of something that is still served is tried again. */
const retryRefreshMs = 1_000;

/** Single flight: at most one look-up or load per key is under way in this process, and everybody waits for that one. */
export class Flights {
  private readonly loads = new SlotMap<Flight | Wanted>();
  private readonly refreshes = new SlotMap<Flight>();
  /** Of requests and codecs. */
  private readonly numbers = new WeakMap<object, number>();
  private lastNumber = 0;
  private readonly answers: JoinedAnswers;

  constructor(
    private readonly cache: string,
    private readonly clock: CacheClock,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly fills: SingleFills,
    private readonly failed: FailedLoads,
    /** Somebody may have to wait for a load's turn, whatever `maxLoad` says. */
    readonly isLimited: boolean,
  ) {
    this.answers = new JoinedAnswers(cache, clock, coherence, near);
  }

  get underWay(): number {
    return this.loads.size + this.refreshes.size;
  }

  /** What is under way there: a flight, or a wanted key that may become one. */
  at(slot: string): Flight | Wanted | undefined {
    return this.loads.get(slot);
  }

  enter<V>(one: Wanted<V>): void {
    this.loads.set(one.slot, one as Wanted);
  }

  leave<V>(one: Wanted<V>): void {
    this.loads.leave(one.slot, one as Wanted);
  }

  /** The flight that something becomes, since somebody needs a flight. It takes the place of what it was, if that still has it. */
  promote<V>(one: Wanted<V>): Landing<V> {
    if (one.landing) return one.landing;
    const { key, slot, position, beganAt, policy, carrier } = one;
    let land!: Landing<V>['land'];
    const landed = new Promise<Landed<V>>((resolve) => (land = resolve));
    const leave = (): void => this.loads.leave(slot, flight);
    const flight = new Flight<Landed<V>>(key.text, position, () => landed, beganAt, policy.tags, false, leave);
    flight.expectCaller();
    if (carrier) flight.carriedBy(carrier);
    if (this.loads.get(slot) === (one as Wanted)) this.loads.set(slot, flight);
    return (one.landing = { flight, land });
  }

  /**
   * The flight under way, or a new one. A forced miss joins no older flight; later callers join the forced one.
   * @param askedAt when this caller asked first, if it asks once more: what is under way began since.
   */
  join<V>(call: LoadCall<V>, forced: boolean, askedAt?: number): Promise<Landed<V>> {
    const { key, policy } = call;
    const slot = this.slotOf(key, policy);
    const present = this.current<V>(this.loads, slot, call);
    const asker = this.near.scope.current();
    const joinable = present && (!forced || present.forcedBy === asker);
    if (joinable) this.tellJoined(key);
    const failure = joinable || forced ? undefined : this.failureOf(call);
    if (failure) return Promise.reject(heldError(this.cache, key, failure));
    const flight = joinable ? present : this.begin(this.loads, slot, call, this.flown(call, forced));
    if (forced) flight.forcedBy = asker;
    if (joinable && askedAt === undefined) return this.joinPresent(flight, call);
    return this.wait(flight, policy, askedAt ?? call.askedAt);
  }

  tellJoined({ text }: Key): void {
    if (channels.loadJoined.hasSubscribers) channels.loadJoined.publish({ cache: this.cache, key: text });
  }

  /** The error of a load that failed a moment ago, and is the answer meanwhile, whatever the store holds. */
  failureOf<V>({ key, policy }: Pick<LoadCall<V>, 'key' | 'policy'>): { readonly error: unknown } | undefined {
    const failure = this.failed.of(key, policy);
    return failure?.isUnasked === true ? undefined : failure;
  }

  /** As `join`, for what loads several keys at once: of a flight that `present` has found. */
  joinOne<V>(flight: Flight<Landed<V>>, call: LoadCall<V>): Promise<Landed<V>> {
    this.tellJoined(call.key);
    return this.joinPresent(flight, call);
  }

  /** @throws the error of a load that failed a moment ago, and is the answer: a miss. */
  assertNotHeld<V>(call: Pick<LoadCall<V>, 'key' | 'policy'>): void {
    const failure = this.failureOf(call);
    if (failure) throw heldError(this.cache, call.key, failure);
  }

  private joinPresent<V>(flight: Flight<Landed<V>>, call: LoadCall<V>): Promise<Landed<V>> {
    const landing = this.wait(flight, call.policy, call.askedAt);
    return this.judged(landing, flight, call, (askedAt) => this.join(call, false, askedAt));
  }

  private judged<V>(
    landing: Promise<Landed<V>>,
    flight: Flight<Landed<V>>,
    call: LoadCall<V>,
    again: (askedAt: number) => Promise<Landed<V>>,
  ): Promise<Landed<V>> {
    const { key, policy, askedAt = this.clock.monotonic() } = call;
    return this.answers.judged(landing, flight, call, {
      askedAt,
      again: () => again(askedAt),
      alone: () => this.wait(this.newFlight(call, this.flown(call, false)), policy, askedAt),
      inTime: (read) => this.inTime([{ policy, askedAt }], key, read),
    });
  }

  private flown<V>(call: LoadCall<V>, forced: boolean): Fly<V> {
    return (flight) => (forced ? this.fills.force(flight, call) : this.fills.findOrLoad(flight, call));
  }

  /** Until the flight lands, or the caller can't wait: a load that takes longer than it may ends by itself. */
  wait<V>(flight: Flight<Landed<V>>, policy: EntryPolicy<V>, askedAt?: number): Promise<Landed<V>> {
    return flight.join(this.clock, this.patienceOf(policy, askedAt));
  }

  private patienceOf(policy: Impatient['policy'], askedAt?: number): Patience {
    const { hardMs, maxLoadMs, signal } = policy;
    const isTimed = hardMs < maxLoadMs || this.isLimited || askedAt !== undefined;
    // By default it is maxLoad: whoever raises that waits longer, too.
    const limit = hardMs === maxLoadMs ? 'maxLoad' : 'timeout.hard';
    return { hardMs: isTimed ? hardMs : Infinity, signal, limit, askedAt };
  }

  /**
   * What has to be read before a look-up can be answered, for as long as its caller waits for a load.
   * @throws LoadTimeoutError; the signal's reason.
   */
  async inTime<R>(asked: readonly Impatient[], { text }: Key, read: () => Promise<R>): Promise<R> {
    const impatient = new Map(asked.filter(mayLeave).map(({ policy, askedAt }) => [policy, askedAt]));
    if (impatient.size === 0) return read();
    const reading = new Flight<R>(text, this.coherence.names.position, read, this.clock.now(), [], true);
    const waits = [...impatient].map(([policy, at]) => reading.join(this.clock, this.patienceOf(policy, at)));
    const [first] = await Promise.all(waits);
    return first as R;
  }

  /** The flight of this key that a caller would join now, for what loads several keys at once. */
  present<V>(asked: Pick<LoadCall<V>, 'key' | 'policy'>): Flight<Landed<V>> | undefined {
    return this.current(this.loads, this.slotOf(asked.key, asked.policy), asked);
  }

  /** Where a load is found: look-ups that ask for something else are other loads, and so are other requests' for what is theirs alone. */
  slotOf<V>(key: Key, { serving, requestOnly }: EntryPolicy<V>): string {
    const { version, isolation, codec } = serving;
    let apart = version === undefined ? '' : `v${JSON.stringify(version)}`;
    if (isolation !== codec.isolations[0]) apart += `\0i${isolation}`;
    // Of two codecs that check what they read, each may refuse what the other has let pass.
    if (codec.name !== 'json' || codec.checksOnRead === true) apart += `\0c${codec.name}`;
    if (codec.checksOnRead === true) apart += `\0k${this.numberOf(codec)}`;
    if (requestOnly) apart += `\0r${this.numberOf(this.near.scope.current())}`;
    // Begins as no plain id does, and goes on with what no text holds.
    return apart === '' ? key.id : `\0${key.text}\0${apart}`;
  }

  /** Outside of a request every caller is alone. */
  private numberOf(one: object | undefined): number {
    const known = one && this.numbers.get(one);
    if (known !== undefined) return known;
    const number = ++this.lastNumber;
    if (one) this.numbers.set(one, number);
    return number;
  }

  private current<V>(
    among: SlotMap<Flight | Wanted>,
    slot: string,
    { key, policy }: Pick<LoadCall<V>, 'key' | 'policy'>,
  ): Flight<Landed<V>> | undefined {
    const there = among.get(slot);
    const present = there === undefined || there instanceof Flight ? there : this.promote(there).flight;
    const joinable = present && !present.abandoned && !this.outdated(key, present, policy.requestOnly);
    return joinable ? (present as Flight<Landed<V>>) : undefined;
  }

  /**
   * Whether what it brings home may be too old for who asks now: its key or one of its tags was invalidated since, or the feed that would say
   * so could not be read for so long.
   */
  private outdated(key: Key, flight: Flight, requestOnly: boolean): boolean {
    const { position, beganAt } = flight;
    const { names } = this.coherence;
    const name = this.coherence.nameOf(key);
    if (requestOnly ? names.invalidatedSince(name, position) : names.namedSince(name, position)) return true;
    if (this.answers.isTagNamed(flight)) return true;
    const feed = this.coherence.place(key)?.feed;
    const now = this.clock.now();
    return feed !== undefined && now >= feed.trust.until && now >= beganAt + feed.unheardForMs;
  }

  /** A flight that callers find in its slot until it has landed. */
  private begin<V>(among: SlotMap<Flight | Wanted>, slot: string, call: LoadCall<V>, fly: Fly<V>): Flight<Landed<V>> {
    const leave = (): void => among.leave(slot, flight);
    const flight = this.newFlight(call, fly, among === this.refreshes, leave);
    among.set(slot, flight);
    return flight;
  }

  private newFlight<V>(
    { key, policy }: LoadCall<V>,
    fly: Fly<V>,
    goesOn = false,
    onEnded?: () => void,
  ): Flight<Landed<V>> {
    const { position } = this.coherence.names;
    return new Flight<Landed<V>>(key.text, position, fly, this.clock.now(), policy.tags, goesOn, onEnded);
  }

  /**
   * For what is served and gets old: one process of the fleet refreshes it. The stale value is the answer. With `timeout.soft` the caller first waits
   * that long for the refresh, and gets its error if that error is an answer.
   *
   * To a loader a stale value is a miss: it waits for what the refresh brings. Where that fails, or another process is at it, the stale value is its
   * answer, and what is built on it is not kept.
   */
  async serveStale<V>(call: LoadCall<V>, stale: NearCopy<V>, askedAt?: number): Promise<Landed<V>> {
    const { policy } = call;
    const slot = this.slotOf(call.key, policy);
    const present = this.current<V>(this.refreshes, slot, call);
    const refresh = present ?? this.refresh(slot, call, stale);
    const isStale = this.clock.now() >= stale.freshUntil;
    const isBuiltOn = isStale && loadUnderWay() !== undefined;
    const served: Landed<V> = { copy: stale, keptForRequest: true, unverified: isBuiltOn };
    if (!refresh || !isStale || (!isBuiltOn && policy.softMs === 0)) return served;
    try {
      const { softMs: hardMs, signal } = policy;
      const landing = isBuiltOn
        ? this.wait(refresh, policy, askedAt ?? call.askedAt)
        : refresh.join(this.clock, { hardMs, signal, askedAt: call.calledAt ?? askedAt });
      const landed = await (present && askedAt === undefined
        ? this.judged(landing, present, call, (firstAt) => this.serveStale(call, stale, firstAt))
        : landing);
      return landed.copy || landed.withdrawnAt !== undefined ? landed : served;
    } catch (error) {
      policy.signal?.throwIfAborted();
      const isAnswer = refresh.hasEnded ? !allowsStale(policy, error, this.cache, call.key.text) : isBuiltOn;
      if (isAnswer) throw error;
      return served;
    }
  }

  /** Outside of the request, and of the load, that happened to come first: its scope, its end and its signal mean nothing to the refresh. */
  private refresh<V>(slot: string, call: LoadCall<V>, stale: NearCopy<V>): Flight<Landed<V>> | undefined {
    if (this.clock.now() < stale.refreshNotBefore) return undefined;
    const background = { ...call, policy: { ...call.policy, signal: undefined } };
    const fly: Fly<V> = (flight) => this.flyRefresh(flight, background, stale);
    return outsideOfLoads(() => this.near.scope.outside(() => this.begin(this.refreshes, slot, background, fly)));
  }

  private async flyRefresh<V>(flight: Flight<Landed<V>>, call: LoadCall<V>, stale: NearCopy<V>): Promise<Landed<V>> {
    try {
      const landed = await this.fills.refresh(flight, call, stale);
      if (!landed.copy) stale.refreshNotBefore = this.clock.now() + refreshElsewhereMs;
      return landed;
    } catch (error) {
      stale.refreshNotBefore = this.clock.now() + retryRefreshMs;
      const message = 'A refresh failed.';
      reportFault({ source: this.cache, kind: 'background-load', message, key: call.key.text, cause: error });
      throw error;
    }
  }
}
