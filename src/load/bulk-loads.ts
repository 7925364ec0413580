import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Key, KeyLike } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import { allSettled } from '../value/all-settled.js';
import type { CacheClock } from '../value/cache-clock.js';
import { giveBackAll } from '../origin/fill-lease.js';
import { inRounds } from './asked-in-rounds.js';
import { byId, whereNone } from './bulk-loader.js';
import type { BulkLoadContext, BulkLoader } from './bulk-loader.js';
import type { Fills, LoadKeys } from './fills.js';
import { Flight, isInLoader } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import { mayLeave } from './impatient.js';
import type { LoadCall } from './load-call.js';
import type { NearHits } from './near-hits.js';
import { givenLoader } from './loader.js';
import type { Loader } from './loader.js';
import type { SingleFills } from './single-fills.js';
import type { Wanted } from './wanted.js';

/** One key of the call, and what its callers are given. */
interface Asking<V> extends Pick<Wanted<V>, 'given' | 'key' | 'policy' | 'askedIn'> {
  value: V | undefined;
  readonly calledAt: number;
  /** When the call was made, if its `timeout.hard` counts since. */
  askedAt: number | undefined;
}

/**
 * Keys of one call that are under way at a time: more go in turns, and a call of any size is one loader call for each turn. What a turn takes of processor
 * time, from the first lease to the last fill, is less than a lease stands, also on a busy machine.
 */
const keysAtATime = 2_500;

/** Loads many keys under the same leases as single look-ups, by one call of the loader. */
export class BulkLoads {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly fills: Fills,
    private readonly singles: SingleFills,
    private readonly flights: Flights,
    private readonly clock: CacheClock,
  ) {}

  /**
   * In the order of the keys; `undefined` where there is none. @throws the loader's error; LoadTimeoutError; the signal's reason.
   * @param given as the loader is given them. @param keys the same, as this cache calls them.
   */
  async many<V>(
    given: readonly KeyLike[],
    keys: readonly Key[],
    loader: BulkLoader<V>,
    policyOf: (key: Key) => EntryPolicy<V>,
  ): Promise<(V | undefined)[]> {
    givenLoader(loader);
    const askedIn = this.near.scope.current()?.held;
    const calledAt = this.clock.monotonic();
    const { rounds, asked } = inRounds(keys, policyOf, (key, policy, index): Asking<V> => ({
      key,
      given: given[index] as KeyLike,
      policy,
      askedIn,
      value: undefined,
      calledAt,
      askedAt: undefined,
    }));
    for (const { policy } of asked) policy.signal?.throwIfAborted();
    let turns = 0;
    for (const round of rounds) {
      const unique = [...round.values()];
      for (let first = 0; first < unique.length; first += keysAtATime) {
        const turn = unique.slice(first, first + keysAtATime);
        for (const one of turn) if (isLimitedAsCall(one.policy, turns > 0)) one.askedAt = calledAt;
        turns++;
        await this.turn(turn, round, loader);
      }
    }
    return asked.map(({ value }) => value);
  }

  private async turn<V>(
    asked: readonly Asking<V>[],
    unique: ReadonlyMap<string, Asking<V>>,
    loader: BulkLoader<V>,
  ): Promise<void> {
    const [{ key }] = asked as [Asking<V>];
    const isVerified = await this.flights.inTime(asked, key, () => this.hits.prepare(asked));
    const forced = this.near.scope.current()?.forced ?? false;
    for (const one of forced ? [] : asked) {
      if (!this.flights.failureOf(one)) continue;
      const isNear = isVerified && this.hits.find(one.key, one.policy, false) !== undefined;
      if (!isNear && !this.flights.present(one)) this.flights.assertNotHeld(one);
    }
    const joined: Promise<void>[] = [];
    const wanted: Wanted<V>[] = [];
    const took = (own: Wanted<V>, landed: Landed<V>): void => {
      this.flights.leave(own);
      const later = this.takeNow(unique.get(own.key.id) as Asking<V>, own.position, landed, loader);
      if (!later) return;
      later.catch(nothing); // told below
      joined.push(later);
    };
    // No await from here to the registration of all keys: what another bulk finds registered, it joins.
    const ask = (one: Asking<V>): void => {
      const { key, policy } = one;
      const near = isVerified ? this.hits.find<V>(key, policy) : undefined;
      const present = near || forced ? undefined : this.flights.present<V>(one);
      if (near) {
        one.value = this.hits.hit(key, near.copy, near.tier).value;
        const due = near.tier !== 'request' && this.clock.now() >= near.copy.servedUntil;
        if (due) joined.push(this.serveStale(one, this.coherence.names.position, near.copy, loader));
      } else if (present) {
        const landing = this.flights.joinOne(present, callOf(one, loader));
        joined.push(this.take(one, landing, loader));
      } else if (this.needsFlight(one)) {
        const own = this.want(one, undefined);
        wanted.push(own);
        const { flight } = this.flights.promote(own);
        joined.push(this.take(one, this.flights.wait(flight, policy, one.askedAt), loader));
        flight.awaited();
      } else wanted.push(this.want(one, took));
    };
    try {
      for (const one of asked) ask(one);
    } catch (error) {
      // A key that has no text, or a copy that can't be decoded once more: nobody loads what was registered before it.
      for (const joining of joined) joining.catch(nothing);
      this.crash(wanted, error);
      throw error;
    }
    if (wanted.length > 0) joined.push(this.begin(wanted, loader, forced));
    // What is found stale is refreshed, and joined later.
    for (let told = 0; told < joined.length;) {
      told = joined.length;
      await Promise.all(joined);
    }
  }

  /** Its caller may leave, or is itself waited for: then it joins the key as others do. */
  private needsFlight<V>(one: Asking<V>): boolean {
    return mayLeave(one) || this.flights.isLimited || isInLoader();
  }

  private async take<V>(one: Asking<V>, landing: Promise<Landed<V>>, loader: BulkLoader<V>): Promise<void> {
    const { position } = this.coherence.names;
    await this.takeNow(one, position, await landing, loader);
  }

  private takeNow<V>(
    one: Asking<V>,
    position: number,
    landed: Landed<V>,
    loader: BulkLoader<V>,
  ): Promise<void> | undefined {
    const due = this.hits.due(landed);
    if (due) return this.serveStale(one, position, due, loader);
    one.value = this.hits.taken(one, position, landed);
    return undefined;
  }

  private async serveStale<V>(
    one: Asking<V>,
    position: number,
    stale: NearCopy<V>,
    loader: BulkLoader<V>,
  ): Promise<void> {
    // Due as it may be, what is served now is the answer.
    one.value = this.hits.taken(one, position, await this.flights.serveStale(callOf(one, loader), stale));
  }

  /** Registers the key as being loaded, so that look-ups of it wait for this bulk. */
  private want<V>(one: Asking<V>, onLanded: Wanted<V>['onLanded']): Wanted<V> {
    const own = this.singles.wanted(one, one.given, this.flights.slotOf(one.key, one.policy));
    own.onLanded = onLanded;
    this.flights.enter(own);
    return own;
  }

  /** Rejects for those keys alone that no flight was made for: a flight tells its own callers. */
  private begin<V>(wanted: readonly Wanted<V>[], loader: BulkLoader<V>, forced: boolean): Promise<void> {
    const load: LoadKeys<V> = (missing, context) => loadAll(loader, missing, context);
    const fly = async (bulk: Flight<void>): Promise<void> => {
      try {
        if (forced) await this.force(bulk, wanted, load);
        else await this.fills.run(bulk, wanted, load);
      } catch (error) {
        this.crash(wanted, error);
        if (wanted.some(({ landed, onLanded }) => !landed && onLanded)) throw error;
      }
    };
    const { position } = this.coherence.names;
    const bulk = new Flight(`${wanted.length} keys`, position, fly, this.clock.now(), []);
    const stopWhenAllLeft = (): void => {
      if (wanted.every(({ landing, landed }) => landed !== undefined || landing?.flight.abandoned)) bulk.abandon();
    };
    // These wait for the bulk itself.
    if (wanted.some(({ landing }) => !landing)) bulk.countWaiting(1);
    for (const one of wanted) {
      one.carrier = bulk;
      const flight = one.landing?.flight;
      if (!flight) continue;
      flight.carriedBy(bulk);
      flight.onAbandoned = stopWhenAllLeft;
    }
    return bulk.promise;
  }

  private crash<V>(wanted: readonly Wanted<V>[], error: unknown): void {
    for (const one of wanted) {
      this.flights.leave(one);
      one.crash(error);
    }
  }

  private async force<V>(bulk: Flight, wanted: readonly Wanted<V>[], load: LoadKeys<V>): Promise<void> {
    if (this.fills.places) await this.fills.places.enter(bulk);
    const seizing = wanted.map(async (one) => {
      one.lease = one.placed && (await this.singles.seize(one.placed, one.policy));
    });
    try {
      await allSettled(seizing);
    } catch (error) {
      await giveBackAll(wanted.map(({ lease }) => lease));
      throw error;
    }
    await this.fills.load(bulk, wanted, load, 'forced');
  }
}

function callOf<V>(one: Asking<V>, loader: BulkLoader<V>): LoadCall<V> {
  const { key, policy, askedIn, calledAt, askedAt } = one;
  // A bulk's loader is told neither the key nor what is stale.
  const loaderOfOne: Loader<V> = async ({ signal, tag }) => (await loadAll(loader, [one], { signal, tag })).get(key.id);
  return { key, loader: loaderOfOne, policy, askedIn, calledAt, askedAt };
}

/**
 * By `timeout.hard`. Its default is a limit of each load (`maxLoad`), and begins with each turn.
 * @param isLater than the first turn, which `maxLoad` ends where that is shorter.
 */
function isLimitedAsCall<V>({ hardMs, maxLoadMs }: EntryPolicy<V>, isLater: boolean): boolean {
  return hardMs < maxLoadMs || (isLater && hardMs > maxLoadMs);
}

/** Loads keys of a bulk by its loader. */
async function loadAll<V>(
  loader: BulkLoader<V>,
  wanted: readonly Pick<Wanted<V>, 'given' | 'key' | 'policy'>[],
  context: BulkLoadContext,
): Promise<ReadonlyMap<string, V | undefined>> {
  const given = wanted.map((one) => one.given);
  const loaded = byId(await loader(given, context));
  for (const { key, policy } of wanted) {
    if (key.original !== key) loaded.set(key.id, loaded.get(key.original.id));
    if (policy.life.negative && loaded.get(key.id) === undefined) loaded.set(key.id, whereNone(policy.life) as V);
  }
  return loaded;
}

const nothing = (): void => {};
