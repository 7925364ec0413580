import { leaseRenewalMs } from '../tier/fill-lease.js';
import type { FillLease } from '../tier/fill-lease.js';
import type { Key } from '../key/key.js';
import { LoadTimeoutError, StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { Timer } from '../value/clock.js';
import type { CacheParts } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { Flight, Landed } from './flight.js';
import type { Keeper, LoadStart } from './keeper.js';

/** What a loader is told. */
export interface LoadContext<V = unknown> {
  readonly key: Key;
  /** Aborts when nobody waits for the value any more, and when the load has taken `maxLoad`. */
  readonly signal: AbortSignal;
  /** The value that is being replaced, when a stale one is served meanwhile. */
  readonly stale?: V;
}

/** Makes the value. `undefined` is returned to the callers and never stored. */
export type Loader<V> = (context: LoadContext<V>) => V | undefined | Promise<V | undefined>;

/** Runs loaders: within `maxLoad`, with the lease renewed, and with every outcome accounted for. */
export class LoaderRunner {
  constructor(
    private readonly parts: CacheParts,
    private readonly keeper: Keeper,
  ) {}

  /** @throws the loader's own error, unchanged; LoadTimeoutError after `maxLoad`, when a later result is refused. */
  async run<V>(
    flight: Flight<Landed<V>>,
    key: Key,
    loader: Loader<V>,
    start: LoadStart,
    policy: EntryPolicy<V>,
    stale?: { readonly value: V },
  ): Promise<Landed<V>> {
    try {
      const context = { key, signal: flight.controller.signal, ...(stale && { stale: stale.value }) };
      const leases = start.lease ? [start.lease] : [];
      const value = await this.execute(
        flight,
        [key],
        policy.maxLoadMs,
        leases,
        () => loader(context),
        stale !== undefined,
      );
      return await this.keeper.keep(key, value, start, policy);
    } catch (error) {
      await this.afterFailure(error, key, start, policy, flight.controller.signal);
      throw error;
    }
  }

  /** Calls a loader of one or many keys and renews their leases meanwhile. @throws as `run` does. */
  async execute<R>(
    flight: Flight,
    keys: readonly Key[],
    maxLoadMs: number,
    leases: readonly FillLease[],
    load: () => R | Promise<R>,
    refresh = false,
  ): Promise<R> {
    const { clock } = this.parts;
    const renewal = leases.length > 0 ? this.renewEverySecond(leases) : undefined;
    const startedAt = clock.monotonic();
    if (channels.loadStarted.hasSubscribers) for (const key of keys) this.announceStart(key, refresh);
    let outcome: { readonly error?: unknown } = {};
    try {
      return await this.within(maxLoadMs, flight, keys[0] as Key, load);
    } catch (error) {
      outcome = { error };
      throw error;
    } finally {
      renewal?.cancel();
      if (channels.loadFinished.hasSubscribers) {
        const durationMs = clock.monotonic() - startedAt;
        for (const key of keys)
          channels.loadFinished.publish({ cache: this.parts.name, key: key.text, durationMs, ...outcome });
      }
    }
  }

  private announceStart(key: Key, refresh: boolean): void {
    channels.loadStarted.publish({ cache: this.parts.name, key: key.text, refresh });
  }

  /**
   * A source in trouble is left alone for a moment by the whole fleet. An error that is an answer ("there is none") takes back what was
   * served. A load that was told to stop, because it took too long or because nobody waits any more, gives way to the next.
   */
  async afterFailure<V>(
    error: unknown,
    key: Key,
    start: LoadStart,
    policy: EntryPolicy<V>,
    stopped: AbortSignal,
  ): Promise<void> {
    try {
      if (stopped.aborted) await start.lease?.giveBack();
      else if (policy.staleIfError(error)) await start.lease?.holdBack();
      else await this.keeper.keepNothing(key, start);
    } catch (unavailable) {
      if (!(unavailable instanceof StoreUnavailableError)) throw unavailable;
    }
  }

  private within<R>(maxLoadMs: number, flight: Flight, key: Key, load: () => R | Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const timer = this.parts.clock.after(maxLoadMs, () => {
        const tooLate = new LoadTimeoutError(key.text, maxLoadMs);
        if (channels.loadRefused.hasSubscribers)
          channels.loadRefused.publish({ cache: this.parts.name, key: key.text, reason: 'too-late' });
        flight.controller.abort(tooLate);
        reject(tooLate);
      });
      flight
        .runLoader(async () => load())
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  /** Until the load ends or all leases are lost. A store that can't be reached is asked again a second later. */
  private renewEverySecond(leases: readonly FillLease[]): Timer {
    let standing = leases;
    let cancelled = false;
    let timer: Timer | undefined;
    const next = (): void => {
      if (!cancelled && standing.length > 0) timer = this.parts.clock.after(leaseRenewalMs, () => void renew());
    };
    const renew = async (): Promise<void> => {
      const stand = await Promise.all(standing.map((lease) => lease.renew().catch(() => true)));
      standing = standing.filter((_, index) => stand[index]);
      next();
    };
    next();
    return {
      cancel: () => {
        cancelled = true;
        timer?.cancel();
      },
    };
  }
}
