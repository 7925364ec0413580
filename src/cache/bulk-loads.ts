import { toKey } from '../key/key.js';
import type { Key, KeyLike } from '../key/key.js';
import { byShard } from '../store/placement.js';
import type { Shard } from '../store/store.js';
import type { FillLease, LeaseOrItem } from '../tier/fill-lease.js';
import type { NearCopy } from '../tier/near-copy.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { MissReason } from '../value/lookup.js';
import { byId, loaderOfOne } from './bulk-loader.js';
import type { BulkLoader } from './bulk-loader.js';
import { place } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import { Flight } from './flight.js';
import type { Landed } from './flight.js';
import type { Flights } from './flights.js';
import type { Keeper, LoadStart } from './keeper.js';
import type { LoaderRunner } from './loader.js';
import type { LookUps } from './look-ups.js';
import type { NearTiers } from './near-tiers.js';
import type { ReadThrough } from './read-through.js';
import { publishMiss } from './stored-entries.js';
import type { StoredEntries } from './stored-entries.js';

/** One missing key of a bulk: who waits for it, and the right to load it, once that is won. */
interface Wanted<V> {
  readonly given: KeyLike;
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  readonly placed: PlacedKey | undefined;
  readonly settle: { resolve(landed: Landed<V>): void; reject(error: unknown): void };
  /** What single look-ups of the key join. */
  readonly flight: Flight<Landed<V>>;
  lease: FillLease | undefined;
  /** Why it is missing, as far as is known. */
  reason: MissReason;
}

/**
 * Loads many keys under the same leases as single look-ups. A bulk loads what it won before it waits for what others won, so that two bulks
 * which overlap never wait for each other; what it takes over while it waits is loaded by one more call.
 */
export class BulkLoads {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
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
    await Promise.all([...unique.values()].map(({ key, policy }) => this.near.recall(key, policy)));
    const forced = this.parts.scope.current()?.forced ?? false;
    const values = new Map<string, V | undefined>();
    const joined: Promise<void>[] = [];
    const wanted: Wanted<V>[] = [];
    // No await from here to the registration of all keys: what another bulk finds registered, it joins.
    for (const { key, given: asGiven, policy } of unique.values()) {
      const near = this.near.find<V>(key.id, policy);
      const present = near || forced ? undefined : this.flights.present<V>(key, policy);
      const serveStale = (copy: NearCopy<V>): Promise<Landed<V>> =>
        this.flights.serveStale(key, copy, loaderOfOne(asGiven, key, loader), policy);
      if (near) {
        values.set(key.id, this.lookUps.hit(key, near.copy, near.tier).value);
        const due = near.tier !== 'request' && this.parts.clock.now() >= near.copy.servedUntil;
        if (due) joined.push(this.take(key, serveStale(near.copy), values));
      } else if (present) joined.push(this.take(key, this.join(present, policy, serveStale), values));
      else {
        const one = this.want(asGiven, key, policy);
        wanted.push(one);
        joined.push(this.take(key, this.join(one.flight, policy, serveStale), values));
      }
    }
    if (wanted.length > 0) this.begin(wanted, loader, forced);
    await Promise.all(joined);
    return keys.map(({ id }) => values.get(id));
  }

  private async join<V>(
    flight: Flight<Landed<V>>,
    { hardMs, signal }: EntryPolicy<V>,
    serveStale: (copy: NearCopy<V>) => Promise<Landed<V>>,
  ): Promise<Landed<V>> {
    const landed = await flight.join(this.parts.clock, hardMs, signal);
    return landed.refreshDue && landed.copy ? serveStale(landed.copy) : landed;
  }

  private async take<V>(key: Key, landing: Promise<Landed<V>>, values: Map<string, V | undefined>): Promise<void> {
    const { position } = this.parts.fence;
    const { copy, keptForRequest, namedAt } = await landing;
    if (!copy) return;
    if (keptForRequest) this.near.keepLoadedForRequest(key, copy, namedAt ?? position);
    values.set(key.id, copy.read());
  }

  /** Registers the key as being loaded, so that single look-ups of it wait for this bulk. */
  private want<V>(given: KeyLike, key: Key, policy: EntryPolicy<V>): Wanted<V> {
    let settle: Wanted<V>['settle'] | undefined;
    const landed = new Promise<Landed<V>>((resolve, reject) => (settle = { resolve, reject }));
    const flight = this.flights.begin<V>('loads', this.flights.slotOf(key, policy), key, policy, () => landed);
    const placed = policy.shared ? place(this.parts, key) : undefined;
    const reason: MissReason = policy.shared && this.parts.store && !placed ? 'invalidated' : 'absent';
    return { given, key, policy, placed, settle: settle as Wanted<V>['settle'], flight, lease: undefined, reason };
  }

  private begin<V>(wanted: readonly Wanted<V>[], loader: BulkLoader<V>, forced: boolean): void {
    const fly = async (self: Flight<void>): Promise<void> => {
      try {
        await this.fly(self, wanted, loader, forced);
      } catch (error) {
        for (const { settle } of wanted) settle.reject(error);
      }
    };
    const bulk = new Flight(`${wanted.length} keys`, this.parts.fence.position, fly, this.parts.clock.now(), []);
    for (const { flight } of wanted) {
      flight.dependsOn(bulk);
      const stopWhenAllLeft = (): void => {
        if (wanted.every((one) => one.flight.landed || one.flight.abandoned))
          bulk.controller.abort(flight.controller.signal.reason);
      };
      flight.controller.signal.addEventListener('abort', stopWhenAllLeft, { once: true });
    }
  }

  private async fly<V>(
    bulk: Flight,
    wanted: readonly Wanted<V>[],
    loader: BulkLoader<V>,
    forced: boolean,
  ): Promise<void> {
    const alone = wanted.filter(
      ({ placed, policy }) => !placed || policy.requestOnly || !this.parts.store?.capabilities.atomic,
    );
    if (forced) {
      await Promise.all(wanted.map(async (one) => (one.lease = one.placed && (await this.reader.seize(one.placed)))));
      return this.load(bulk, wanted, loader, true);
    }
    const first = await this.ask(wanted.filter((one) => !alone.includes(one)));
    await this.load(bulk, [...alone, ...first.mine], loader, false);
    const takenOver: Wanted<V>[] = [];
    for (let { others } = first; others.length > 0;) {
      await this.parts.clock.sleep(20 + this.parts.random() * 80, bulk.controller.signal);
      bulk.controller.signal.throwIfAborted();
      const next = await this.ask(others);
      takenOver.push(...next.mine);
      others = next.others;
    }
    await this.load(bulk, takenOver, loader, false);
  }

  /** One round trip per shard. Hits are settled at once; what can't be asked for is loaded without a lease. */
  private async ask<V>(wanted: readonly Wanted<V>[], tries = 0): Promise<{ mine: Wanted<V>[]; others: Wanted<V>[] }> {
    const again: Wanted<V>[] = [];
    const mine: Wanted<V>[] = [];
    const others: Wanted<V>[] = [];
    const groups = this.parts.store
      ? byShard(this.parts.store, wanted, ({ placed }) => placed?.storeKey ?? '')
      : undefined;
    await Promise.all(
      [...(groups ?? [])].map(async ([shard, group]) => {
        try {
          for (const [one, found] of await this.askShard(shard, group)) {
            if (found === 'removed' && tries < 3) again.push(one);
            else if (found === 'held' || found === 'removed') others.push(one);
            else if (found !== 'settled') {
              one.lease = found;
              mine.push(one);
            }
          }
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error;
          for (const one of group) one.reason = 'unavailable';
          mine.push(...group);
        }
      }),
    );
    if (again.length === 0) return { mine, others };
    const next = await this.ask(again, tries + 1);
    return { mine: [...mine, ...next.mine], others: [...others, ...next.others] };
  }

  private async askShard<V>(
    shard: Shard,
    group: readonly Wanted<V>[],
  ): Promise<[Wanted<V>, FillLease | 'held' | 'removed' | 'settled'][]> {
    const { position } = this.parts.fence;
    await this.parts.logOf(shard).ready();
    const [found, generations] = await Promise.all([
      this.parts.leases.readOrWin(
        shard,
        group.map(({ placed }) => (placed as PlacedKey).storeKey),
      ),
      this.entries.generationsOf([...new Set(group.flatMap(({ policy }) => policy.tags))]),
    ]);
    return Promise.all(
      group.map(async (one, index) => {
        const here = found[index] as LeaseOrItem;
        if (here.state === 'won') return [one, here.lease] as [Wanted<V>, FillLease];
        if (here.state === 'held') return [one, 'held'];
        const understood = await this.entries.understand(one.placed as PlacedKey, here.item, one.policy, generations);
        if ('copy' in understood) {
          const { copy } = understood;
          if (channels.hit.hasSubscribers) this.lookUps.hit(one.key, copy, this.parts.store?.name ?? 'store');
          this.near.keep(one.key, copy, one.policy, position);
          const refreshDue = this.parts.clock.now() >= copy.servedUntil;
          one.settle.resolve({ copy, keptForRequest: true, refreshDue });
          return [one, 'settled'];
        }
        one.reason = understood.miss;
        const { storeKey } = one.placed as PlacedKey;
        if (understood.miss === 'expired' && (await this.parts.leases.isRefreshing(shard, storeKey)))
          return [one, 'held'];
        await shard.remove(storeKey, here.item.revision);
        return [one, 'removed']; // worthless for good; one process wins the next round
      }),
    );
  }

  private async load<V>(
    bulk: Flight,
    mine: readonly Wanted<V>[],
    loader: BulkLoader<V>,
    forced: boolean,
  ): Promise<void> {
    if (mine.length === 0) return;
    const starts = new Map<Wanted<V>, LoadStart>();
    await Promise.all(
      mine.map(async (one) => starts.set(one, await this.keeper.begin(one.placed, one.lease, one.policy.tags, forced))),
    );
    for (const { key, reason } of mine) publishMiss(this.parts, key.text, forced ? 'forced' : reason);
    const leases = mine.flatMap(({ lease }) => (lease ? [lease] : []));
    const maxLoadMs = Math.max(...mine.map(({ policy }) => policy.maxLoadMs));
    try {
      const loaded = await this.runner.execute(
        bulk,
        mine.map(({ key }) => key),
        maxLoadMs,
        leases,
        async () =>
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
  private async land<V>(one: Wanted<V>, value: V | undefined, start: LoadStart): Promise<void> {
    const known = value === undefined && one.policy.life.negative ? (null as V) : value;
    try {
      one.settle.resolve(await this.keeper.keep(one.key, known, start, one.policy));
    } catch (error) {
      one.settle.reject(error);
    }
  }
}
