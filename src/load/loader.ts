import type { Key } from '../key/key.js';
import { leaseRenewalMs } from '../origin/fill-lease.js';
import type { FillLease } from '../origin/fill-lease.js';
import { InvalidOptionError, LoadTimeoutError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { Clock, Timer } from '../value/clock.js';
import type { Flight } from './flight.js';
import type { Wanted } from './wanted.js';

/** What a loader is told. */
export interface LoadContext<V = unknown> {
  readonly key: Key;
  /** Aborts when nobody waits for the value any more, and when the load has taken `maxLoad`. */
  readonly signal: AbortSignal;
  /** The value that is being replaced, when a stale one is served meanwhile. */
  readonly stale?: V;
  /** Tags the entry, besides the tags of its options: for what is known only when it was loaded. */
  readonly tag: (...tags: string[]) => void;
}

/** Makes the value. `undefined` is returned to the callers and never stored. */
export type Loader<V> = (context: LoadContext<V>) => V | undefined | Promise<V | undefined>;

/** A loader that makes a value at all times. */
export type ValueLoader<V> = (context: LoadContext<V>) => V | Promise<V>;

/**
 * What was given for a loader. Looked at before there is a load: a load that fails answers others with its error as well.
 * @throws InvalidOptionError for what is no function.
 */
export function givenLoader<L>(loader: L): L {
  if (typeof loader === 'function') return loader;
  throw new InvalidOptionError('loader', 'it is no function', 'Give one that makes the value, behind the key.');
}

/** Runs loaders: within `maxLoad`, with the lease renewed, and with what came of it told. */
export class LoaderRunner {
  constructor(
    private readonly cache: string,
    private readonly clock: Clock,
  ) {}

  /**
   * Calls a loader of one or many keys and renews their leases meanwhile.
   * @throws the loader's own error, unchanged; LoadTimeoutError after `maxLoad`, when a later result is refused.
   */
  async run<V, R>(flight: Flight, mine: readonly Wanted<V>[], isRefresh: boolean, load: () => Promise<R>): Promise<R> {
    const leases = mine.flatMap(({ lease }) => lease ?? []);
    const renewal = leases.length > 0 ? this.renewEverySecond(leases) : undefined;
    const startedAt = this.clock.monotonic();
    if (channels.loadStarted.hasSubscribers) {
      for (const { key } of mine)
        channels.loadStarted.publish({ cache: this.cache, key: key.text, refresh: isRefresh });
    }
    let outcome: { readonly error?: unknown } = {};
    try {
      const maxLoadMs = Math.max(...mine.map(({ policy }) => policy.maxLoadMs));
      const keys = mine.map(({ key }) => key) as [Key, ...Key[]];
      return await this.within(maxLoadMs, flight, keys, load);
    } catch (error) {
      outcome = { error };
      throw error;
    } finally {
      renewal?.cancel();
      if (channels.loadFinished.hasSubscribers) {
        const durationMs = this.clock.monotonic() - startedAt;
        for (const { key } of mine) {
          channels.loadFinished.publish({ cache: this.cache, key: key.text, durationMs, ...outcome });
        }
      }
    }
  }

  private within<R>(
    maxLoadMs: number,
    flight: Flight,
    keys: readonly [Key, ...Key[]],
    load: () => Promise<R>,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const timer = this.clock.after(maxLoadMs, () => {
        const tooLate = new LoadTimeoutError(keys[0].text, maxLoadMs, 'maxLoad');
        if (channels.loadRefused.hasSubscribers) {
          for (const { text } of keys) {
            channels.loadRefused.publish({ cache: this.cache, key: text, reason: 'too-late' });
          }
        }
        flight.controller.abort(tooLate);
        reject(tooLate);
      });
      flight.endsBy(timer);
      flight
        .runLoader(load)
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
      if (!cancelled && standing.length > 0) timer = this.clock.after(leaseRenewalMs, () => void renew());
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
