import { inspect } from 'node:util';
import type { HiddenNames } from '../key/hidden-names.js';
import type { Store, StoreCapabilities } from '../store/store.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { positiveMilliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidOptionError, LockHeldError, LockUnavailableError, StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import { KnownOptions } from '../value/known-options.js';
import { Acquisition } from './acquisition.js';
import type { Attempt } from './attempt.js';
import { assertStoreCanLock } from './assert-store-can-lock.js';
import { EvictionWarning } from './eviction-warning.js';
import { assertLiftable, FencingCounter } from './fencing-counter.js';
import { GhostLocks } from './ghost-locks.js';
import { Lease } from './lease.js';
import type { LeaseContext, LockProtections } from './lease.js';
import { resolveLockOptions } from './lock-options.js';
import type { LockOptions, ResolvedLockOptions } from './lock-options.js';
import { placeLock, placeNamed } from './lock-place.js';
import type { LockPlace, LockResource } from './lock-place.js';
import { momentAfter, momentNow } from './moment.js';
import { RunningSections } from './running-sections.js';
import { parseSerializedLease } from './serialized-lease.js';
import { WaitingLine } from './waiting-line.js';

interface ResumeOptions {
  readonly renew?: boolean;
}
const knownOfResume = KnownOptions.of<ResumeOptions>('resume()', { renew: true });

/** Several operations stand behind one try. */
const leastDeadlineMs = 500;

/** `held` and `unavailable` are different answers: somebody has it; nobody can know. */
export type LockOutcome =
  | { readonly status: 'acquired'; readonly lease: Lease }
  | { readonly status: 'held'; readonly retryAfterMs?: number }
  | { readonly status: 'unavailable'; readonly cause: unknown };

export interface CacheLockConfiguration {
  /** Where locks live. It must have atomic operations, be open, and is not closed by the locks. */
  readonly store: Store;
  /** Begins every lock's key; not versioned, so that a deploy never splits a lock. */
  readonly namespace: string;
  /** Hides the names of locks in the store, in events and errors. All who share a lock need the same. Default: they are shown. */
  readonly hidden?: HiddenNames | undefined;
  /** Default `'60s'`. */
  readonly ttl?: Duration;
  /** How far the lock must reach. Default: whatever the store can. */
  readonly reach?: StoreCapabilities['reach'];
  /** How long the store may leave one try without an answer before that is `unavailable`. Default: twice the store's `commandTimeout`, 500 ms at least. */
  readonly deadline?: Duration;
  readonly clock?: Clock;
  /** From 0 to 1, for the pauses of those who wait. Default: the machine's chance. */
  readonly random?: () => number;
}

/** What runs under a lock. */
type Section<T> = (lease: Lease) => Promise<T> | T;

/**
 * Locks that never guess. A lock has an owner, an end, and one place in the store; what can't be known is said to be so. Two holders at once are
 * possible only where a holder was paused beyond its lease, or the store lost the lock: its signal tells the first as soon as it runs again, and
 * fencing tokens let the resource refuse it.
 */
export class CacheLock {
  private readonly clock: Clock;
  private readonly counter: FencingCounter;
  private readonly line: WaitingLine;
  private readonly ghosts: GhostLocks;
  private readonly evictions = new EvictionWarning();
  private readonly running = new RunningSections();
  private readonly context: LeaseContext;
  private closing = false;

  /**
   * @param protections switched off only by tests that show what each is for.
   * @throws InvalidOptionError for a store that has no atomic operations, or does not reach as far as asked. InvalidDurationError.
   */
  constructor(
    private readonly configuration: CacheLockConfiguration,
    protections: LockProtections = {},
  ) {
    const { store, namespace, reach, ttl, clock = systemClock } = configuration;
    assertStoreCanLock(store, reach);
    const { clockResolutionMs, reach: storeReach, deadlineMs: ofStoreMs = 0 } = store.capabilities;
    const { deadline = Math.max(leastDeadlineMs, 2 * ofStoreMs) } = configuration;
    resolveLockOptions({}, ttl ?? '60s', clockResolutionMs);
    const deadlineMs = positiveMilliseconds(deadline, 'lock.deadline');
    this.clock = clock;
    this.counter = new FencingCounter(clock, undefined, protections.followsClock);
    this.line = new WaitingLine(clock, configuration.random);
    const freed = (lockKey: string): void => this.line.released(lockKey);
    this.ghosts = new GhostLocks(clock, deadlineMs, storeReach === 'fleet', freed);
    this.context = {
      namespace,
      clock,
      clockResolutionMs,
      deadlineMs,
      counter: this.counter,
      ghosts: this.ghosts,
      protections,
      onEnd: (lease, outcome) => {
        this.running.ended(lease);
        if (outcome === 'released') this.line.released(placeNamed(store, namespace, lease.resource).lockKey);
      },
      onHandOver: () => this.running.settle(),
    };
  }

  /**
   * Tries to take the lock, for as long as `wait` says. Of one process only the first who waits asks the store, at growing intervals with jitter.
   * @throws InvalidKeyError, InvalidDurationError; the signal's reason when it aborts.
   */
  async acquire(resource: LockResource, options: LockOptions = {}): Promise<LockOutcome> {
    const { ttl = '60s' } = this.configuration;
    const resolved = resolveLockOptions(options, ttl, this.context.clockResolutionMs);
    const place = this.place(resource);
    const startedAt = this.clock.monotonic();
    resolved.signal?.throwIfAborted();
    if (this.closing) return shutDown(place);
    return this.running.track(this.taken(place, resolved, startedAt));
  }

  private async taken(place: LockPlace, resolved: ResolvedLockOptions, startedAt: number): Promise<LockOutcome> {
    const granted = await this.take(place, resolved, startedAt);
    if (granted.status !== 'granted') return granted;
    if (channels.lockAcquired.hasSubscribers) {
      const waitedMs = this.clock.monotonic() - startedAt;
      channels.lockAcquired.publish({ resource: place.resource, waitedMs });
    }
    const lease = new Lease(place, { ...granted, ttlMs: resolved.ttlMs, renew: resolved.renew }, this.context);
    this.running.began(lease);
    return { status: 'acquired', lease };
  }

  /**
   * Runs `work` under the lock and releases it, whatever `work` does. Rejects as `work` does, and resolves as it does unless the lock was lost before it was
   * given back. A release that has no answer hides no result.
   * The options may be left out.
   * Not reentrant: `work` that asks for the same resource waits for itself, and is told `held`.
   * @throws LockHeldError, LockUnavailableError: `work` did not run. LeaseLostError: `work` returned, but its lock was lost, which a renewal
   * has noticed, the clock, or the release. InvalidOptionError for `work` that is no function, before anything is locked.
   */
  using<T>(resource: LockResource, work: Section<T>): Promise<T>;
  using<T>(resource: LockResource, options: LockOptions, work: Section<T>): Promise<T>;
  async using<T>(resource: LockResource, ...given: [Section<T>] | [LockOptions, Section<T>]): Promise<T> {
    const [options, work] = typeof given[0] === 'function' ? [{}, given[0]] : (given as [LockOptions, Section<T>]);
    if (typeof work !== 'function') {
      throw new InvalidOptionError('work', 'it is no function', 'Give one that runs under the lock.');
    }
    const outcome = await this.acquire(resource, options);
    if (outcome.status === 'acquired') return this.running.track(runSection(outcome.lease, work));
    const shown = this.place(resource).resource;
    if (outcome.status === 'held') throw new LockHeldError(shown, outcome.retryAfterMs);
    throw new LockUnavailableError(shown, { cause: outcome.cause });
  }

  /**
   * The lease that another process, or an earlier life of this one, serialized: to be released, or renewed, by its token. Until it is renewed its
   * `validUntil` comes from the wall clock. Its store decides what a release comes to, also when its time is over.
   *
   * @param options `renew: true` renews it at once, and from then on. Default false.
   * @throws InvalidOptionError for what no lease of this namespace wrote, and for an option that there is not.
   */
  resume(json: unknown, options: ResumeOptions = {}): Lease {
    knownOfResume.check(options);
    const serialized = parseSerializedLease(json);
    const { namespace, store } = this.configuration;
    if (serialized.namespace !== namespace) {
      const problem = `it belongs to the namespace '${serialized.namespace.slice(0, 80)}', these locks to '${namespace}'`;
      throw new InvalidOptionError('lease', problem, 'Resume it where it was taken.');
    }
    const { token, fencingToken, validUntilEpochMs } = serialized;
    const { ttlMs } = resolveLockOptions({ ttl: serialized.ttlMs }, '60s', store.capabilities.clockResolutionMs);
    const leftMs = Math.min(validUntilEpochMs - this.clock.now(), ttlMs - store.capabilities.clockResolutionMs);
    const terms = { token, fencingToken, ttlMs, validUntil: momentAfter(momentNow(this.clock), leftMs) };
    const place = placeNamed(store, namespace, serialized.resource);
    const lease = new Lease(place, { ...terms, renew: (options.renew ?? false) && 'now' }, this.context);
    this.running.began(lease);
    return lease;
  }

  /**
   * Lifts the resource's fencing counter, so that every later token is larger than `above`: for a protected resource that answered with a larger
   * one than it was sent, since the counter was lost and seeded by a clock that is behind. A holder uses `lease.raiseFencingToken`.
   * The counter stays until two days after the clock has come to it; a store that loses it earlier begins at the clock.
   * @throws InvalidOptionError for a number that leaves a counter no room; StoreUnavailableError.
   */
  async repairFencing(resource: LockResource, above: number): Promise<void> {
    assertLiftable(above);
    await this.counter.draw(this.place(resource), above);
  }

  /**
   * For an application that ends. No new locks; who waits for one is told `unavailable`, and what an acquisition under way is granted is given back.
   * Sections and leases that were not released get `limitMs`, then their signals abort and their locks are released. Leases that were serialized stay for
   * the next life of the process.
   */
  async shutdown(limitMs: number): Promise<void> {
    this.closing = true;
    this.line.dismiss({ status: 'unavailable', cause: new Error('The application shuts down.') });
    await this.running.idle(limitMs, this.clock);
    await Promise.all(this.running.leases().map((lease) => lease.shutDown()));
    await this.ghosts.stop();
  }

  [inspect.custom](): string {
    return `CacheLock { ${this.configuration.namespace} in ${this.configuration.store.name} }`;
  }

  private async take(place: LockPlace, options: ResolvedLockOptions, startedAt: number): Promise<Attempt> {
    this.evictions.check(place.shard);
    const acquisition = new Acquisition(place, options, this.context);
    const { signal, waitMs } = options;
    try {
      const answer =
        waitMs === 0
          ? await acquisition.attempt('add')
          : await this.line.wait(place.lockKey, (by) => acquisition.attempt(by), startedAt + waitMs, signal);
      if (answer.status !== 'granted' || !(signal?.aborted || this.closing)) return answer;
      if ((await acquisition.giveBack(answer.token)) === 'released') this.line.released(place.lockKey);
      signal?.throwIfAborted();
      return shutDown(place);
    } finally {
      acquisition.finish();
    }
  }

  private place(resource: LockResource): LockPlace {
    const { store, namespace, hidden } = this.configuration;
    return placeLock(store, namespace, resource, hidden);
  }
}

async function runSection<T>(lease: Lease, work: Section<T>): Promise<T> {
  try {
    const result = await work(lease);
    lease.signal.throwIfAborted();
    await lease.release();
    if (lease.loss) throw lease.loss;
    return result;
  } finally {
    await lease.release();
  }
}

function shutDown({ shard }: LockPlace): LockOutcome & { readonly status: 'unavailable' } {
  return { status: 'unavailable', cause: new StoreUnavailableError(shard.name, 'the locks are shut down') };
}
