import { allowsStale } from '../catalogue/allows-stale.js';
import type { Coherence } from '../coherence/coherence.js';
import { giveBackAll } from '../origin/fill-lease.js';
import type { CacheClock } from '../value/cache-clock.js';
import { LoadTimeoutError } from '../value/errors.js';
import { channels } from '../value/events.js';
import { unlessAway } from '../value/unless-away.js';
import type { BulkLoadContext } from './bulk-loader.js';
import { heldError } from './failed-loads.js';
import type { FailedLoads } from './failed-loads.js';
import type { Flight } from './flight.js';
import type { LeasedReads } from './leased-reads.js';
import type { LoadPlaces } from './load-places.js';
import { LoadReads } from './load-reads.js';
import type { LoadedValues } from './loaded-values.js';
import type { LoadCause, LoadStart } from './load-start.js';
import type { LoaderRunner } from './loader.js';
import { LoadsUnderWay } from './loads-under-way.js';
import { OthersWatch } from './others-watch.js';
import type { Asked, Wanted } from './wanted.js';

/** Calls the user's loader for these keys. What it answers is matched by `Key.id`; tags that it names go to every key. */
export type LoadKeys<V> = (
  wanted: readonly Wanted<V>[],
  context: BulkLoadContext,
) => Promise<ReadonlyMap<string, V | undefined>>;

/**
 * The one way from a miss to a value, for one key and for many: ask the store, load what this process has won the right to load, wait for what others
 * load, and load what they gave up. A fill loads what it won before it waits for others, so that two which overlap never wait for each other.
 * Whatever was won is given back on every way out.
 */
export class Fills {
  private readonly underWay = new LoadsUnderWay();

  constructor(
    private readonly cache: string,
    private readonly clock: CacheClock,
    private readonly random: () => number,
    private readonly coherence: Coherence,
    private readonly reads: LeasedReads,
    private readonly values: LoadedValues,
    private readonly runner: LoaderRunner,
    private readonly failed: FailedLoads,
    readonly places: LoadPlaces | undefined,
    private readonly verifies: boolean,
  ) {}

  /**
   * @throws the loader's error; the signal's reason when nobody waits any more; LoadTimeoutError: others have not loaded it in time;
   * RecursiveLoadError: a loader waits for it that loads one of the keys.
   */
  async run<V>(carrier: Flight, wanted: readonly Wanted<V>[], load: LoadKeys<V>): Promise<void> {
    const startedAt = this.clock.monotonic();
    try {
      let asked = await this.reads.ask(wanted);
      for (;;) {
        asked = await this.inTurn(carrier, asked);
        this.assertNotHeld(asked.mine);
        if (asked.mine.length > 0) await this.load(carrier, asked.mine, load, 'miss');
        if (asked.others.length === 0) return;
        const { others } = asked;
        // Left before it waits: what it waits for runs under a place already, and would be lent this one.
        carrier.leaveTurn();
        const wait = (): Promise<Asked<V>> => this.takenOver(carrier, others, startedAt);
        asked = await this.underWay.waitedFor(carrier, others as readonly Wanted[], wait);
      }
    } catch (error) {
      await giveBackAll(wanted.map(({ lease }) => lease));
      throw error;
    }
  }

  /** Loads keys whose leases were won in another way, such as by who replaces what is there. @throws as `run`. */
  async load<V>(carrier: Flight, mine: readonly Wanted<V>[], load: LoadKeys<V>, cause: LoadCause): Promise<void> {
    try {
      await this.loadUnder(carrier, mine, load, cause);
    } catch (error) {
      await giveBackAll(mine.map(({ lease }) => lease));
      throw error;
    }
  }

  private async loadUnder<V>(
    carrier: Flight,
    mine: readonly Wanted<V>[],
    load: LoadKeys<V>,
    cause: LoadCause,
  ): Promise<void> {
    const start = await this.values.begin(mine, cause);
    carrier.controller.signal.throwIfAborted();
    if (cause !== 'refresh') this.publishMisses(mine, cause);
    const ids = new Set(mine.map(({ key }) => key.id));
    const staleAt = cause === 'refresh' ? undefined : this.clock.now();
    const reads = new LoadReads(ids, mine[0]?.askedIn, staleAt, this.coherence, this.verifies);
    carrier.reads = reads;
    const added: string[] = [];
    const { signal } = carrier.controller;
    const context = {
      signal,
      tag: (...tags: string[]) => {
        const named = tags.map((tag) => this.coherence.nameOfTag(tag));
        added.push(...named);
        carrier.nameTags(named);
      },
    };
    let loaded: ReadonlyMap<string, V | undefined>;
    try {
      const run = () => this.runner.run(carrier, mine, cause === 'refresh', () => load(mine, context));
      loaded = await this.underWay.during(carrier, mine as readonly Wanted[], run);
    } catch (error) {
      await Promise.all(mine.map((one) => this.afterFailure(error, one, start, signal)));
      throw error;
    }
    await this.values.keepAll(mine, loaded, { ...start, reads, added });
  }

  /** Where loads are limited: what is still to be loaded when it is this fill's turn. */
  private async inTurn<V>(carrier: Flight, { mine, others }: Asked<V>): Promise<Asked<V>> {
    if (!this.places || mine.length === 0) return { mine, others };
    const leases = mine.map(({ lease }) => lease);
    if (await this.places.enter(carrier, leases)) return { mine, others };
    const leased = mine.filter(({ lease }) => lease);
    const unleased = mine.filter(({ lease }) => !lease);
    for (const one of leased) one.lease = undefined;
    const again = await this.reads.ask(leased);
    return { mine: [...unleased, ...again.mine], others: [...others, ...again.others] };
  }

  /**
   * What others found, or the first that they gave up: nobody renews its lease until it is loaded. Nothing is begun any more once the last caller who has waited
   * from the start gives up: where loaders hang, process after process would load for as long as it may.
   */
  private async takenOver<V>(carrier: Flight, waited: readonly Wanted<V>[], startedAt: number): Promise<Asked<V>> {
    const maxLoadMs = Math.max(...waited.map(({ policy }) => policy.maxLoadMs));
    const limitMs = Math.max(maxLoadMs, ...waited.map(({ policy }) => policy.hardMs));
    const leftMs = (): number => startedAt + limitMs - this.clock.monotonic();
    const places = waited.flatMap(({ placed }) => placed ?? []);
    const watch = new OthersWatch(places, this.clock, this.random);
    try {
      for (let asked: Asked<V> = { mine: [], others: [...waited] }; ;) {
        await watch.pause(carrier.controller.signal, leftMs());
        asked = await this.reads.ask(asked.others);
        const isDone = asked.mine.length === 0 && asked.others.length === 0;
        if (!isDone && leftMs() <= 0) {
          carrier.outwaited = true;
          const limit = limitMs > maxLoadMs ? 'timeout.hard' : 'maxLoad';
          const [late] = [...asked.others, ...asked.mine] as [Wanted<V>];
          throw new LoadTimeoutError(late.key.text, limitMs, limit);
        }
        if (asked.mine.length > 0 || isDone) return asked;
      }
    } finally {
      watch.stop();
    }
  }

  /**
   * A source in trouble is left alone for a moment by the whole fleet. An error that is an answer ("there is none") takes back what was
   * served. A load that was told to stop, because it took too long or because nobody waits any more, gives way to the next.
   */
  private async afterFailure<V>(error: unknown, one: Wanted<V>, start: LoadStart, stopped: AbortSignal): Promise<void> {
    const { policy, key, lease } = one;
    const isStaleAllowed = stopped.aborted ? undefined : allowsStale(policy, error, this.cache, key.text);
    if (isStaleAllowed) {
      // Where something stands, others are served that.
      const isMissing = start.cause === 'miss' || lease?.standing === false;
      if (isMissing) this.failed.note(key, policy, error, start.mark, one.reason === 'unavailable');
    }
    await unlessAway<unknown>(() => {
      if (isStaleAllowed === undefined) return lease?.giveBack();
      return isStaleAllowed ? lease?.holdBack(policy.failureHoldMs) : this.values.keepNothing(one, start);
    });
  }

  /** By a load that failed a moment ago while the store was away. @throws its error */
  private assertNotHeld<V>(mine: readonly Wanted<V>[]): void {
    for (const { key, policy } of mine) {
      const failure = this.failed.of(key, policy);
      if (failure) throw heldError(this.cache, key, failure);
    }
  }

  private publishMisses<V>(mine: readonly Wanted<V>[], cause: LoadCause): void {
    if (!channels.miss.hasSubscribers) return;
    for (const { key, reason } of mine) {
      channels.miss.publish({ cache: this.cache, key: key.text, reason: cause === 'forced' ? 'forced' : reason });
    }
  }
}
