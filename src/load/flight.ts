import { AsyncLocalStorage } from 'node:async_hooks';
import type { NearCopy } from '../near/near-copy.js';
import { LoadTimeoutError, RecursiveLoadError } from '../value/errors.js';
import type { Clock, Timer } from '../value/clock.js';
import { onAbort } from '../value/on-abort.js';
import type { Patience } from './impatient.js';
import type { LoadReads } from './load-reads.js';
import { LoadTurn } from './load-turn.js';
import type { LoadPlace } from './load-turn.js';

/** What a flight brings home. `copy` is absent when the loader returned `undefined`. */
export interface Landed<V = unknown> {
  readonly copy: NearCopy<V> | undefined;
  /** May this request answer from it again? Not for values that `cacheIf` turned down. */
  readonly keptForRequest: boolean;
  /**
   * Of none, of a life of 0, and of what a forced load could not keep: since this position among invalidated names, at which the load had named its key
   * itself or had begun, only an invalidation is one of what it brought. Without it and without a copy, another process is at it.
   */
  readonly withdrawnAt?: number;
  /** It was found in the store, and is due for a refresh. */
  readonly refreshDue?: boolean;
  /** What it was built on may not be true any more: a load that is given it is not kept either. */
  readonly unverified?: boolean;
}

/** The flight whose loader is running, so that a loader which asks for its own key is told so instead of waiting for itself. */
const flightOfLoader = new AsyncLocalStorage<Flight | undefined>();

/**
 * For code that runs inside of a loader and is not handed its context, such as a method under `@Memoize`: aborts when nobody waits for the
 * load any more, and when it has taken `maxLoad`. The same signal as `LoadContext.signal`.
 *
 * @returns `undefined` outside of a loader.
 * @example
 * @Memoize({ ttl: '5m' })
 * async find(slug: string): Promise<Course> {
 *   const response = await fetch(`${this.url}/${slug}`, { signal: loadSignal() ?? null });
 *   return response.json();
 * }
 */
export function loadSignal(): AbortSignal | undefined {
  return flightOfLoader.getStore()?.controller.signal;
}

/** The load whose loader is running here, if there is one: what a look-up is served depends on it. */
export function loadUnderWay(): LoadReads | undefined {
  if (loadersRunning === 0) return undefined;
  const flight = flightOfLoader.getStore();
  return flight === undefined || flight.hasEnded ? undefined : flight.reads;
}

/** Whether a loader asks. */
export function isInLoader(): boolean {
  return loadersRunning > 0 && flightOfLoader.getStore() !== undefined;
}

/** Where none runs, no look-up asks for the present one: that question costs as much as the hit it would delay. */
let loadersRunning = 0;

/** Runs work that no load has asked for, whatever started it. */
export function outsideOfLoads<R>(work: () => R): R {
  return flightOfLoader.run(undefined, work);
}

/** One look-up or load, of one key or of many, that several callers of this process wait for. */
export class Flight<R = unknown> {
  readonly promise: Promise<R>;
  private madeController: AbortController | undefined = undefined;
  hasEnded = false;
  /** Everybody left before it ended: its load was told to stop, and nobody may join any more. */
  abandoned = false;
  /** What its loader has read; there from when the load has begun. */
  reads: LoadReads | undefined = undefined;
  /** Told when everybody left. For what flies several at once: a signal for each costs more than most loads. */
  onAbandoned: (() => void) | undefined = undefined;
  /** It has waited for another process's load for as long as its first caller may. */
  outwaited = false;
  /** The request that forced it: another request that forces a miss does not join. */
  forcedBy: unknown = undefined;
  /** Where loads are limited: its place among those that run. */
  turn: LoadTurn | undefined = undefined;
  /** The flight that flies this one, of a bulk. */
  carrier: Flight | undefined = undefined;
  private callers = 0;
  /** Those who wait for it now, but for loads that nobody waits for. */
  private waiting = 0;
  /** What ends its load if nothing else does. */
  private deadline: Timer | undefined = undefined;
  /** Tags that its loader has named by now. */
  private named: readonly string[] | undefined = undefined;
  /** What it can't land before, and how many times it waits for that. Few wait for anything. */
  private waitsFor: Map<Flight, number> | undefined = undefined;

  /** @param position the position among invalidated names when the flight began: who comes after an invalidation does not join. */
  constructor(
    readonly key: string,
    readonly position: number,
    fly: (flight: Flight<R>) => Promise<R>,
    /** When it began, in epoch milliseconds. */
    readonly beganAt: number,
    /** The tags of what it loads, as the policy tells them. */
    private readonly tags: readonly string[],
    /** True for a refresh, and once a caller left because it could not wait: the load is still wanted. */
    private goesOn = false,
    private readonly onEnded?: () => void,
  ) {
    this.promise = fly(this);
    // Each caller handles its own promise; a flight that everybody left must not become an unhandled rejection.
    const end = (): void => this.end();
    this.promise.then(end, end);
  }

  /**
   * Aborts when every caller has left, and when the load takes longer than it may. Made when somebody asks: most flights find the value in the
   * store, and a controller costs as much as that.
   */
  get controller(): AbortController {
    this.madeController ??= new AbortController();
    if (this.abandoned && !this.madeController.signal.aborted) this.madeController.abort(allLeft());
    return this.madeController;
  }

  nameTags(tags: readonly string[]): void {
    this.named = [...(this.named ?? []), ...tags];
  }

  /** Whether what it loads has such a tag, as far as is known by now. */
  hasTag(isSuch: (tag: string) => boolean): boolean {
    return this.tags.some(isSuch) || this.named?.some(isSuch) === true || this.carrier?.hasTag(isSuch) === true;
  }

  /** Somebody waits for it who will join it later. */
  expectCaller(): void {
    this.callers++;
  }

  /** The caller that was expected has joined. */
  awaited(): void {
    this.callers--;
  }

  private end(): void {
    this.hasEnded = true;
    this.reads = undefined;
    for (const next of this.waitsFor?.keys() ?? []) this.takeBackAll(next);
    this.waitsFor = undefined;
    this.turn?.end();
    this.onEnded?.();
  }

  /** Runs a loader so that what it asks for is known to be asked by this flight. */
  async runLoader<R>(loader: () => R | Promise<R>): Promise<R> {
    loadersRunning++;
    try {
      return await flightOfLoader.run(this, loader);
    } finally {
      loadersRunning--;
    }
  }

  /**
   * Waits for the flight, for as long as this caller is ready to.
   * @throws RecursiveLoadError when the flight waits, through whatever loaders, for the caller.
   * @throws LoadTimeoutError after `hardMs`; the signal's reason when `signal` aborts.
   */
  join(clock: Clock, patience: Patience): Promise<R> {
    const asking = flightOfLoader.getStore();
    if (asking || patience.signal || patience.hardMs !== Infinity) return this.joinUntil(clock, patience, asking);
    this.goesOn = true; // this caller can't leave
    this.countWaiting(1);
    return this.promise;
  }

  /** What ends its load if nothing else does: the process is kept alive until then, for as long as somebody waits. */
  endsBy(deadline: Timer): void {
    this.deadline = deadline;
    this.countWaiting(0);
  }

  countWaiting(change: number): void {
    this.waiting += change;
    this.deadline?.keepAlive?.(this.waiting > 0);
    this.carrier?.countWaiting(change);
  }

  private async joinUntil(clock: Clock, patience: Patience, asking: Flight | undefined): Promise<R> {
    const loader = asking?.hasEnded ? undefined : asking;
    if (loader) {
      if ((this as Flight).reaches(loader)) throw new RecursiveLoadError(this.key);
      loader.dependsOn(this);
    }
    this.callers++;
    const counted = loader?.waiting === 0 ? 0 : 1;
    this.countWaiting(counted);
    try {
      return await this.waited(clock, patience);
    } finally {
      this.callers--;
      this.countWaiting(-counted);
      loader?.goesOnWithout(this);
      if (this.callers === 0 && !this.hasEnded && !this.goesOn) this.abandon();
    }
  }

  /** Its turn has come. */
  takePlace(place: LoadPlace): void {
    this.turn?.take(place);
    for (const next of this.waitsFor?.keys() ?? []) next.borrow(place);
  }

  /** Nothing runs under its place now. */
  leaveTurn(): void {
    const left = this.turn?.leave();
    if (left) for (const next of this.waitsFor?.keys() ?? []) next.giveBack(left);
  }

  abandon(): void {
    this.abandoned = true;
    this.madeController?.abort(allLeft());
    this.onAbandoned?.();
  }

  private waited(clock: Clock, { hardMs, signal, limit, askedAt }: Patience): Promise<R> {
    if (hardMs === Infinity && !signal) return this.promise;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      // Somebody waits: the clock keeps the process alive until then.
      const waiting = new AbortController();
      const leave = (): void => {
        settle();
        reject(signal?.reason);
      };
      const giveUp = (): void => {
        if (waiting.signal.aborted) return;
        settle();
        // What nobody waits for and has not begun is not worth its turn.
        if (!(this.carrier ?? this).turn?.onPlace) this.goesOn = true;
        reject(new LoadTimeoutError(this.key, hardMs, limit));
      };
      const leftMs = askedAt === undefined ? hardMs : Math.max(0, askedAt + hardMs - clock.monotonic());
      if (hardMs !== Infinity) void clock.sleep(leftMs, waiting.signal).then(giveUp);
      const settle = (): void => {
        waiting.abort();
        stopListening?.();
      };
      const stopListening = signal && onAbort(signal, leave);
      this.promise.finally(settle).then(resolve, reject);
    });
  }

  carriedBy(bulk: Flight): void {
    this.carrier = bulk;
    bulk.countWaiting(this.waiting);
    this.dependsOn(bulk);
  }

  /** It can't land before the other one has: its places among the loads that run are good for both, for as long as it waits. */
  dependsOn(other: Flight): void {
    const times = this.waitsFor?.get(other) ?? 0;
    (this.waitsFor ??= new Map<Flight, number>()).set(other, times + 1);
    if (times === 0) for (const place of this.turn?.places ?? []) other.borrow(place);
  }

  goesOnWithout(other: Flight): void {
    const times = this.waitsFor?.get(other) ?? 0;
    if (times > 1) this.waitsFor?.set(other, times - 1);
    else if (this.waitsFor?.delete(other)) this.takeBackAll(other);
  }

  private borrow(place: LoadPlace): void {
    if (this.hasEnded) return;
    this.turn ??= new LoadTurn();
    if (this.turn.borrow(place)) for (const next of this.waitsFor?.keys() ?? []) next.borrow(place);
  }

  private giveBack(place: LoadPlace): void {
    if (this.turn?.giveBack(place)) for (const next of this.waitsFor?.keys() ?? []) next.giveBack(place);
  }

  private takeBackAll(lentTo: Flight): void {
    for (const place of this.turn?.places ?? []) lentTo.giveBack(place);
  }

  /** Whether it waits, through whatever loaders, for the other one. */
  reaches(other: Flight): boolean {
    const found = new Set<Flight>([this]);
    for (const one of found) {
      if (one === other) return true;
      for (const next of one.waitsFor?.keys() ?? []) found.add(next);
    }
    return false;
  }
}

function allLeft(): DOMException {
  return new DOMException('All callers left.', 'AbortError');
}
