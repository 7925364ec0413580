import { Coherence } from '../coherence/coherence.js';
import { Integrity } from '../codec/integrity.js';
import { InvalidatedNames } from '../coherence/invalidated-names.js';
import { StalenessSample } from '../coherence/staleness-sample.js';
import { VersionedKeySpace } from '../coherence/versioned-key-space.js';
import { formatUnder } from '../key/hidden-names.js';
import { BulkLoads } from '../load/bulk-loads.js';
import { loadUnderWay } from '../load/flight.js';
import { FailedLoads } from '../load/failed-loads.js';
import { Fills } from '../load/fills.js';
import { Flights } from '../load/flights.js';
import { LeasedReads } from '../load/leased-reads.js';
import { LoadedValues } from '../load/loaded-values.js';
import { LoaderRunner } from '../load/loader.js';
import { LoadPlaces } from '../load/load-places.js';
import { NearHits } from '../load/near-hits.js';
import { SingleFills } from '../load/single-fills.js';
import { SingleLoads } from '../load/single-loads.js';
import { Invalidations } from '../near/invalidations.js';
import { NearTiers } from '../near/near-tiers.js';
import { NewEntries } from '../near/new-entries.js';
import { ProcessTier } from '../near/process-tier.js';
import type { ProcessTierOptions } from '../near/process-tier.js';
import { RequestScope } from '../near/request-scope.js';
import { StoredEntries } from '../near/stored-entries.js';
import { TagNotes } from '../near/tag-notes.js';
import { FillLeases } from '../origin/fill-lease.js';
import { authenticated } from '../origin/authenticated-store.js';
import { guarded } from '../origin/guarded-store.js';
import type { Store } from '../store/store.js';
import { systemRandom } from '../value/chance.js';
import { CacheClock } from '../value/cache-clock.js';
import { systemClock } from '../value/clock.js';
import { channels } from '../value/events.js';
import { AtomicChanges } from '../write/atomic-changes.js';
import { Expiry } from '../write/expiry.js';
import { PreparedEntries } from '../write/prepared-entries.js';
import { Repetitions } from '../write/repetitions.js';
import { StoredWrites } from '../write/stored-writes.js';
import { Writes } from '../write/writes.js';
import { hiddenNames, resolveCoherence } from './cache-configuration.js';
import type { CacheConfiguration, Protections } from './cache-configuration.js';
import { Explanations } from './explanation.js';
import { LookUps } from './look-ups.js';

/** What the verbs of one cache call. */
export type CacheRooms = ReturnType<typeof buildRooms>;

/** Builds the rooms of one cache, from the bottom up. @throws InvalidOptionError, InvalidDurationError naming the option. */
export function buildRooms(configuration: CacheConfiguration, protections: Protections) {
  const { name, namespace, packageVersion, versionStamp, random = systemRandom } = configuration;
  const { names: remembers = true, leases: fenced = true, generations = true } = protections;
  const { versions: checksGeneration = true, verification = true } = protections;
  const clock = new CacheClock(configuration.clock ?? systemClock, () => setBack());
  const store = storeOf(configuration);
  const scope = configuration.scope ?? new RequestScope();
  const process =
    configuration.process === false ? undefined : buildProcessTier(name, configuration.process ?? {}, random);
  // Absent where any number of loaders may run at once.
  const places =
    configuration.maxConcurrentLoads === undefined ? undefined : new LoadPlaces(configuration.maxConcurrentLoads);
  // Absent where names are shown.
  const hidden = hiddenNames(configuration);
  const versions = new VersionedKeySpace(namespace, packageVersion, versionStamp, formatUnder(hidden), clock, () =>
    near.clear(),
  );

  const staleness = new StalenessSample(name, clock, random, () => coherence.feeds);
  const names = new InvalidatedNames(undefined, remembers);
  const resolved = resolveCoherence(configuration.coherence, store);
  const shared = { cache: name, namespace, store, versions, hidden, clock, random, names, generations, ...resolved };
  const coherence: Coherence = new Coherence(shared, {
    named: (named, at) => {
      staleness.named(named, at);
      near.applyNames(named);
    },
    missed: (feed, reason) => {
      staleness.missed(feed);
      near.applyGap(feed, reason);
    },
    read: () => staleness.judge(),
  });
  const notes = new TagNotes(scope, names, coherence.tags, () => loadUnderWay() !== undefined);
  const entries = new StoredEntries(name, coherence, notes, clock, random, checksGeneration);
  const newEntries = new NewEntries(entries, random);
  const near: NearTiers = new NearTiers(name, coherence, clock, scope, process);
  const invalidations = new Invalidations(near, clock);
  const setBack = (): void => {
    for (const feed of coherence.feeds) feed.distrust();
    near.clear();
  };

  const leases = new FillLeases(fenced, store?.capabilities.touch === true);
  const hits = new NearHits(name, coherence, near, staleness, clock);
  const reads = new LeasedReads(coherence, hits, entries, notes, leases, clock);
  const values = new LoadedValues(name, coherence, near, invalidations, newEntries, clock, notes);
  const failed = new FailedLoads(clock, names);
  const runner = new LoaderRunner(name, clock);
  const fills = new Fills(name, clock, random, coherence, reads, values, runner, failed, places, verification);
  const singles = new SingleFills(coherence, near, entries, notes, leases, fills, clock);
  const flights = new Flights(name, clock, coherence, near, singles, failed, places !== undefined);

  const prepared = new PreparedEntries(coherence, newEntries, notes, clock);
  const repetitions = new Repetitions(coherence, clock);
  const stored = new StoredWrites(coherence, repetitions, clock, random);
  const writes = new Writes(name, coherence, near, invalidations, repetitions, prepared, stored, clock);
  return {
    clock,
    hidden,
    scope,
    process,
    store,
    versions,
    coherence,
    near,
    hits,
    flights,
    places,
    singleLoads: new SingleLoads(coherence, near, hits, entries, singles, flights, failed, clock),
    bulkLoads: new BulkLoads(coherence, near, hits, fills, singles, flights, clock),
    lookUps: new LookUps(name, coherence, near, hits, entries, notes, clock),
    writes,
    atomicChanges: new AtomicChanges(coherence, near, invalidations, entries, prepared, notes, writes, stored),
    expiry: new Expiry(coherence, near, invalidations, writes, stored, prepared, clock),
    explanations: new Explanations(coherence, near, entries, clock),
  };
}

function storeOf({ store, clock = systemClock, integrity }: CacheConfiguration): Store | undefined {
  const guard = store && guarded(store, { clock });
  return guard && integrity ? authenticated(guard, Integrity.of(integrity)) : guard;
}

function buildProcessTier(name: string, options: ProcessTierOptions, random: () => number): ProcessTier {
  const onEvicted = (): void => {
    if (channels.evicted.hasSubscribers) channels.evicted.publish({ cache: name, tier: 'process', entries: 1 });
  };
  return new ProcessTier(options, { random, onEvicted });
}
