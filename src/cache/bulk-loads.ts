import { toKey } from '../key/key.js';
import type { Key, KeyLike } from '../key/key.js';
import type { FillLease } from '../tier/fill-lease.js';
import type { MissReason } from '../value/lookup.js';
import { byId, loaderOfOne } from './bulk-loader.js';
import type { BulkLoader } from './bulk-loader.js';
import { place } from './cache-parts.js';
import type { CacheParts } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import { Flight } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import type { Keeper, LoadStart } from './keeper.js';
import type { Asked, LeasedReads, Wanted } from './leased-reads.js';
import type { LoadPlaces } from './load-places.js';
import type { LoaderRunner } from './loader.js';
import type { LookUps } from './look-ups.js';
import type { NearCopy } from '../tier/near-copy.js';
import type { NearTiers } from './near-tiers.js';
import type { ReadThrough } from './read-through.js';
import { publishMiss } from './stored-entries.js';

/**
 * Loads many keys under the same leases as single look-ups. A bulk loads what it won before it waits for what others won, so that two bulks
 * which overlap never wait for each other; what it takes over while it waits is loaded by one more call.
 */
export class BulkLoads {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly reads: LeasedReads,
    private readonly lookUps: LookUps,
    private readonly keeper: Keeper,
    private readonly runner: LoaderRunner,
    private readonly reader: ReadThrough,
    private readonly flights: Flights,
  ) {}

  /** In the order of the keys; `undefined` where there is none. @throws the loader's error; LoadTimeoutError; the signal's reason. */
  async many<V>(
    given: readonly KeyLike[],
    loader: BulkLoader<V>,
    policyOf: (key: Key) => EntryPolicy<V>,
  ): Promise<(V | undefined)[]> {
    const keys = given.map(toKey);
    const unique = new Map(
      keys.map((key, index) => [key.id, { key, given: given[index] as KeyLike, policy: policyOf(key) }]),
    );
    const doubtful = [...unique.values()].filter(({ key }) => this.near.isDoubtful(key.id));
    if (doubtful.length > 0) await Promise.all(doubtful.map(({ key, policy }) => this.near.recall(key, policy)));
    const forced = this.parts.scope.current()?.forced ?? false;
    const values = new Map<string, V | undefined>();
    const joined: Promise<void>[] = [];
    const wanted: Wanted<V>[] = [];
    // No await from here to the registration of all keys: what another bulk finds registered, it joins.
    for (const { key, given: asGiven, policy } of unique.values()) {
      const near = this.near.find<V>(key.id, policy);
      const present = near || forced ? undefined : this.flights.present<V>(key, policy);
      if (near) {
        values.set(key.id, this.lookUps.hit(key, near.copy, near.tier).value);
        const due = near.tier !== 'request' && this.parts.clock.now() >= near.copy.servedUntil;
        if (due) joined.push(this.serveStale({ given: asGiven, key, policy }, near.copy, loader, values));
      } else {
        const one = present ? undefined : this.want(asGiven, key, policy);
        if (one) wanted.push(one);
        const flight = present ?? (one as Wanted<V>).flight;
        joined.push(this.take({ given: asGiven, key, policy }, this.flights.wait(flight, policy), loader, values));
      }
    }
    if (wanted.length > 0) this.begin(wanted, loader, forced);
    await Promise.all(joined);
    return keys.map(({ id }) => values.get(id));
  }

  private take<V>(
    asked: Pick<Wanted<V>, 'given' | 'key' | 'policy'>,
    landing: Promise<Landed<V>>,
    loader: BulkLoader<V>,
    values: Map<string, V | undefined>,
  ): Promise<void> {
    const { position } = this.parts.fence;
    return landing.then((landed) => {
      const { copy, refreshDue = false } = landed;
      if (!copy) return undefined;
      if (refreshDue) return this.serveStale(asked, copy, loader, values);
      this.near.keepLoadedForRequest(asked.key, landed, position);
      values.set(asked.key.id, copy.read());
      return undefined;
    });
  }

  private serveStale<V>(
    asked: Pick<Wanted<V>, 'given' | 'key' | 'policy'>,
    stale: NearCopy<V>,
    loader: BulkLoader<V>,
    values: Map<string, V | undefined>,
  ): Promise<void> {
    const { given, key, policy } = asked;
    const served = this.flights.serveStale(key, stale, loaderOfOne(given, key, loader), policy);
    // Due as it may be, what is served now is the answer.
    const answer = served.then((landed) => ({ ...landed, refreshDue: false }));
    return this.take(asked, answer, loader, values);
  }

  /** Registers the key as being loaded, so that single look-ups of it wait for this bulk. */
  private want<V>(given: KeyLike, key: Key, policy: EntryPolicy<V>): Wanted<V> {
    let settle: Pick<Wanted<V>, 'resolve' | 'reject'> | undefined;
    const landed = new Promise<Landed<V>>((resolve, reject) => (settle = { resolve, reject }));
    const flight = this.flights.begin<V>('loads', this.flights.slotOf(key, policy), key, policy, () => landed);
    const placed = policy.shared ? place(this.parts, key) : undefined;
    const { resolve, reject } = settle as Pick<Wanted<V>, 'resolve' | 'reject'>;
    const reason: MissReason = policy.shared && this.parts.store && !placed ? 'invalidated' : 'absent';
    return { given, key, policy, placed, resolve, reject, flight, found: false, lease: undefined, reason };
  }

  private begin<V>(wanted: readonly Wanted<V>[], loader: BulkLoader<V>, forced: boolean): void {
    const fly = async (self: Flight<void>): Promise<void> => {
      try {
        await this.fly(self, wanted, loader, forced);
      } catch (error) {
        for (const { reject } of wanted) reject(error);
      }
    };
    const bulk = new Flight(`${wanted.length} keys`, this.parts.fence.position, fly, this.parts.clock.now(), []);
    const stopWhenAllLeft = (): void => {
      if (wanted.every(({ flight }) => flight.landed || flight.abandoned)) bulk.abandon();
    };
    for (const { flight } of wanted) {
      flight.carriedBy(bulk);
      flight.onAbandoned = stopWhenAllLeft;
    }
  }

  private async fly<V>(
    bulk: Flight,
    wanted: readonly Wanted<V>[],
    loader: BulkLoader<V>,
    forced: boolean,
  ): Promise<void> {
    const isAlone = ({ placed, policy }: Wanted<V>): boolean =>
      !placed || policy.requestOnly || !this.parts.store?.capabilities.atomic;
    const alone = wanted.filter(isAlone);
    const leasable = wanted.filter((one) => !isAlone(one));
    const { loadPlaces } = this.parts;
    if (forced) {
      if (loadPlaces) await loadPlaces.enter(bulk);
      await Promise.all(wanted.map(async (one) => (one.lease = one.placed && (await this.reader.seize(one.placed)))));
      return this.load(bulk, wanted, loader, true);
    }
    const first = await this.reads.ask(leasable);
    let asked: Asked<V> = { mine: [...alone, ...first.mine], others: first.others };
    for (;;) {
      if (loadPlaces && asked.mine.length > 0) asked = await this.askedInTurn(loadPlaces, bulk, asked);
      await this.load(bulk, asked.mine, loader, false);
      if (asked.others.length === 0) return;
      asked = await this.takenOver(bulk, asked.others);
    }
  }

  /** What others found or gave up. */
  private async takenOver<V>(bulk: Flight, others: readonly Wanted<V>[]): Promise<Asked<V>> {
    bulk.turn?.leave();
    const mine: Wanted<V>[] = [];
    while (others.length > 0) {
      await this.parts.clock.sleep(20 + this.parts.random() * 80, bulk.controller.signal);
      bulk.controller.signal.throwIfAborted();
      const next = await this.reads.ask(others);
      mine.push(...next.mine);
      others = next.others;
    }
    return { mine, others: [] };
  }

  /** What is still to be loaded when it is this bulk's turn. */
  private async askedInTurn<V>(places: LoadPlaces, bulk: Flight, { mine, others }: Asked<V>): Promise<Asked<V>> {
    const leased = mine.filter(({ lease }) => lease !== undefined);
    const leases = leased.map(({ lease }) => lease as FillLease);
    if (await places.enter(bulk, leases)) return { mine, others };
    for (const one of leased) one.lease = undefined;
    const again = await this.reads.ask(leased);
    const unleased = mine.filter((one) => !leased.includes(one));
    return { mine: [...unleased, ...again.mine], others: [...others, ...again.others] };
  }

  private async load<V>(
    bulk: Flight,
    mine: readonly Wanted<V>[],
    loader: BulkLoader<V>,
    forced: boolean,
  ): Promise<void> {
    if (mine.length === 0) return;
    const starts = new Map<Wanted<V>, LoadStart>();
    for (const one of mine) {
      if (one.policy.tags.length === 0) starts.set(one, this.keeper.beginUntagged(one.placed, one.lease, forced));
    }
    const tagged = mine.filter((one) => !starts.has(one));
    await Promise.all(
      tagged.map(async (one) =>
        starts.set(one, await this.keeper.begin(one.placed, one.lease, one.policy.tags, forced)),
      ),
    );
    for (const { key, reason } of mine) publishMiss(this.parts, key.text, forced ? 'forced' : reason);
    const leases = mine.flatMap(({ lease }) => (lease ? [lease] : []));
    const maxLoadMs = Math.max(...mine.map(({ policy }) => policy.maxLoadMs));
    const keys = mine.map(({ key }) => key);
    try {
      const loaded = await this.runner.execute(bulk, keys, maxLoadMs, leases, async () =>
        byId(
          await loader(
            mine.map(({ given }) => given),
            { signal: bulk.controller.signal },
          ),
        ),
      );
      await Promise.all(mine.map((one) => this.land(one, loaded.get(one.key.id), starts.get(one) as LoadStart)));
    } catch (error) {
      await Promise.all(
        mine.map((one) =>
          this.runner.afterFailure(error, one.key, starts.get(one) as LoadStart, one.policy, bulk.controller.signal),
        ),
      );
      throw error;
    }
  }

  /** A key that upstream left out is kept as `null` where the policy asks for negative answers, and given back at once otherwise. */
  private land<V>(one: Wanted<V>, value: V | undefined, start: LoadStart): Promise<void> {
    const known = value === undefined && one.policy.life.negative ? (null as V) : value;
    return this.keeper.keep(one.key, known, start, one.policy).then(one.resolve, one.reject);
  }
}
