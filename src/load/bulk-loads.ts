import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Key, KeyLike } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { CacheClock } from '../value/cache-clock.js';
import { byId, loaderOfOne } from './bulk-loader.js';
import type { BulkLoader } from './bulk-loader.js';
import type { Fills, LoadKeys } from './fills.js';
import { Flight, loadUnderWay } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import type { LoadPlaces } from './load-places.js';
import type { NearHits } from './near-hits.js';
import type { Replacements } from './replacements.js';
import type { Wanted } from './wanted.js';

/** One key of a bulk, and the flight that single look-ups of it join. */
interface WantedOfBulk<V> extends Wanted<V> {
  readonly flight: Flight<Landed<V>>;
  readonly fail: (error: unknown) => void;
}

type Asking<V> = Pick<Wanted<V>, 'given' | 'key' | 'policy'>;

/** Keys of one call that are under way at a time: more go in turns, and a call of any size is one loader call for each turn. */
const keysAtATime = 10_000;

/** Loads many keys under the same leases as single look-ups, by one call of the loader. */
export class BulkLoads {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly hits: NearHits,
    private readonly fills: Fills,
    private readonly replacements: Replacements,
    private readonly flights: Flights,
    private readonly places: LoadPlaces | undefined,
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
    const unique = new Map<string, Asking<V>>();
    for (const [index, key] of keys.entries()) {
      if (!unique.has(key.id)) unique.set(key.id, { key, given: given[index] as KeyLike, policy: policyOf(key) });
    }
    const values = new Map<string, V | undefined>();
    const asked = [...unique.values()];
    for (const { policy } of asked) policy.signal?.throwIfAborted();
    for (let first = 0; first < asked.length; first += keysAtATime) {
      await this.turn(asked.slice(first, first + keysAtATime), loader, values);
    }
    return keys.map(({ id }) => values.get(id));
  }

  private async turn<V>(
    asked: readonly Asking<V>[],
    loader: BulkLoader<V>,
    values: Map<string, V | undefined>,
  ): Promise<void> {
    const isVerified = await this.hits.prepare(asked);
    const forced = this.near.scope.current()?.forced ?? false;
    const joined: Promise<void>[] = [];
    const wanted: WantedOfBulk<V>[] = [];
    // No await from here to the registration of all keys: what another bulk finds registered, it joins.
    for (const one of asked) {
      const { key, policy } = one;
      const near = isVerified ? this.hits.find<V>(key, policy) : undefined;
      const present = near || forced ? undefined : this.flights.present<V>(key, policy);
      if (near) {
        values.set(key.id, this.hits.hit(key, near.copy, near.tier).value);
        const due = near.tier !== 'request' && this.clock.now() >= near.copy.servedUntil;
        if (due) joined.push(this.serveStale(one, near.copy, loader, values));
        continue;
      }
      const own = present ? undefined : this.want(one);
      if (own) wanted.push(own);
      const landing = present
        ? this.flights.joinPresent(present, key, loaderOfOne(one.given, key, loader), policy)
        : this.flights.wait((own as WantedOfBulk<V>).flight, policy);
      joined.push(this.take(one, landing, loader, values));
    }
    if (wanted.length > 0) this.begin(wanted, loader, forced);
    await Promise.all(joined);
  }

  private async take<V>(
    one: Asking<V>,
    landing: Promise<Landed<V>>,
    loader: BulkLoader<V>,
    values: Map<string, V | undefined>,
  ): Promise<void> {
    const { position } = this.coherence.names;
    const landed = await landing;
    const { copy, refreshDue = false } = landed;
    if (!copy) return;
    if (refreshDue) return this.serveStale(one, copy, loader, values);
    values.set(one.key.id, this.hits.taken(one.key, position, landed));
  }

  private serveStale<V>(
    one: Asking<V>,
    stale: NearCopy<V>,
    loader: BulkLoader<V>,
    values: Map<string, V | undefined>,
  ): Promise<void> {
    const { given, key, policy } = one;
    const refreshing = loaderOfOne(given, key, loader);
    const isStaleInLoad = loadUnderWay() !== undefined && this.clock.now() >= stale.freshUntil;
    const served = isStaleInLoad
      ? this.flights.refreshed(key, stale, refreshing, policy)
      : this.flights.serveStale(key, stale, refreshing, policy);
    // Due as it may be, what is served now is the answer.
    const answer = served.then((landed) => {
      if (landed.none === true) values.delete(key.id);
      return { ...landed, refreshDue: false };
    });
    return this.take(one, answer, loader, values);
  }

  /** Registers the key as being loaded, so that single look-ups of it wait for this bulk. */
  private want<V>({ given, key, policy }: Asking<V>): WantedOfBulk<V> {
    let settle: { land: (landed: Landed<V>) => void; fail: (error: unknown) => void } | undefined;
    const landing = new Promise<Landed<V>>((land, fail) => (settle = { land, fail }));
    const flight = this.flights.begin<V>('loads', this.flights.slotOf(key, policy), key, policy, () => landing);
    const placed = policy.shared ? this.coherence.place(key) : undefined;
    const isOut = placed !== undefined && this.coherence.outbox.has(placed.name);
    const { land, fail } = settle as NonNullable<typeof settle>;
    return {
      given,
      key,
      policy,
      placed: isOut ? undefined : placed,
      land,
      fail,
      flight,
      found: false,
      lease: undefined,
      reason: isOut ? 'invalidated' : 'absent',
    };
  }

  private begin<V>(wanted: readonly WantedOfBulk<V>[], loader: BulkLoader<V>, forced: boolean): void {
    const fly = async (bulk: Flight<void>): Promise<void> => {
      try {
        if (forced) await this.force(bulk, wanted, loadAll(loader));
        else await this.fills.run(bulk, wanted, loadAll(loader));
      } catch (error) {
        for (const { fail } of wanted) fail(error);
      }
    };
    const { position } = this.coherence.names;
    const bulk = new Flight(`${wanted.length} keys`, position, fly, this.clock.now(), []);
    const stopWhenAllLeft = (): void => {
      if (wanted.every(({ flight }) => flight.landed || flight.abandoned)) bulk.abandon();
    };
    for (const { flight } of wanted) {
      flight.carriedBy(bulk);
      flight.onAbandoned = stopWhenAllLeft;
    }
  }

  private async force<V>(bulk: Flight, wanted: readonly WantedOfBulk<V>[], load: LoadKeys<V>): Promise<void> {
    if (this.places) await this.places.enter(bulk);
    await Promise.all(
      wanted.map(async (one) => {
        if (!one.policy.requestOnly) one.lease = one.placed && (await this.replacements.seize(one.placed));
      }),
    );
    await this.fills.load(bulk, wanted, load, 'forced');
  }
}

/** A key that the source left out is kept as `null` where the policy asks for negative answers. */
function loadAll<V>(loader: BulkLoader<V>): LoadKeys<V> {
  return async (wanted, context) => {
    const loaded = byId(
      await loader(
        wanted.map(({ given }) => given),
        context,
      ),
    );
    for (const { key, policy } of wanted) {
      if (key.original !== key) loaded.set(key.id, loaded.get(key.original.id));
      if (policy.life.negative && loaded.get(key.id) === undefined) loaded.set(key.id, null as V);
    }
    return loaded;
  };
}
