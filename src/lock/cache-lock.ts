import { randomBytes } from 'node:crypto';
import { decodePart } from '../key/key-part.js';
import type { Store, StoreCapabilities, StoredItem } from '../store/store.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import type { Duration } from '../value/duration.js';
import {
  InvalidOptionError,
  LeaseLostError,
  LockHeldError,
  LockUnavailableError,
  StoreUnavailableError,
} from '../value/errors.js';
import { channels, reportFault } from '../value/events.js';
import { FencingCounter } from './fencing-counter.js';
import { Lease } from './lease.js';
import type { LeaseContext, LockProtections, SerializedLease } from './lease.js';
import { resolveLockOptions } from './lock-options.js';
import type { LockOptions, ResolvedLockOptions } from './lock-options.js';
import { placeLock } from './lock-place.js';
import type { LockPlace, LockResource } from './lock-place.js';
import { decodeRecord, encodeRecord } from './lock-record.js';
import { parseSerializedLease } from './serialized-lease.js';
import { WaitingLine } from './waiting-line.js';

/** `held` and `unavailable` are different answers: somebody has it; nobody can know. */
export type LockOutcome =
  | { readonly status: 'acquired'; readonly lease: Lease }
  | { readonly status: 'held'; readonly retryAfterMs?: number }
  | { readonly status: 'unavailable'; readonly cause: unknown };

export interface CacheLockConfiguration {
  /** Where locks live. It must have atomic operations. */
  readonly store: Store;
  /** Begins every lock's key; not versioned, so that a deploy never splits a lock. */
  readonly namespace: string;
  /** Default `'60s'`. */
  readonly ttl?: Duration;
  /** How far the lock must reach. Default: whatever the store can. */
  readonly reach?: StoreCapabilities['reach'];
  readonly clock?: Clock;
}

const reaches = ['process', 'host', 'fleet'] as const;
/** Between two tries: at first about 20 ms, then twice as long each time up to 200 ms, each shortened by a random share of up to a half. */
const firstPollMs = 20;
const maxPollMs = 200;
const settleTries = 3;

/**
 * Locks that never guess. A lock has an owner, an end, and one place in the store; what can't be known is said to be so. Two holders at once are
 * possible only where a holder was paused beyond its lease, or the store lost the lock: its signal tells the first as soon as it runs again, and
 * fencing tokens let the resource refuse it.
 */
export class CacheLock {
  private readonly clock: Clock;
  private readonly counter: FencingCounter;
  private readonly line = new WaitingLine();
  private readonly held = new Set<Lease>();
  private readonly sections = new Set<Promise<unknown>>();
  private readonly askedForEvictions = new Set<unknown>();
  private closing = false;

  /**
   * @param protections switched off only by tests that show what each is for.
   * @throws InvalidOptionError for a store that has no atomic operations, or does not reach as far as asked.
   */
  constructor(
    private readonly configuration: CacheLockConfiguration,
    private readonly protections: LockProtections = {},
  ) {
    const { store, reach } = configuration;
    if (!store.capabilities.atomic) {
      throw new InvalidOptionError(
        'lock.store',
        `the ${store.name} store has no atomic operations`,
        'Use memcached, disk or memory.',
      );
    }
    if (reach && reaches.indexOf(reach) > reaches.indexOf(store.capabilities.reach)) {
      throw new InvalidOptionError(
        'lock.reach',
        `locks in the ${store.name} store reach the ${store.capabilities.reach}, not the ${reach}`,
        'Give lock.store a store that reaches as far, or ask for less.',
      );
    }
    this.clock = configuration.clock ?? systemClock;
    this.counter = new FencingCounter(this.clock);
    resolveLockOptions({}, configuration.ttl ?? '60s', store.capabilities.clockResolutionMs);
  }

  /**
   * Tries to take the lock, for as long as `wait` says.
   * @throws InvalidKeyError, InvalidDurationError; the signal's reason when it aborts.
   */
  async acquire(resource: LockResource, options: LockOptions = {}): Promise<LockOutcome> {
    const { store, namespace, ttl = '60s' } = this.configuration;
    const resolved = resolveLockOptions(options, ttl, store.capabilities.clockResolutionMs);
    const place = placeLock(store, namespace, resource);
    resolved.signal?.throwIfAborted();
    if (this.closing)
      return { status: 'unavailable', cause: new StoreUnavailableError(place.shard.name, 'the locks are shut down') };
    this.warnOfEvictions(place);
    const startedAt = this.clock.monotonic();
    const outcome = this.line.isEmpty(place.lockKey)
      ? await this.tryOnce(place, resolved)
      : ({ status: 'held' } as const);
    if (outcome.status !== 'held' || resolved.waitMs === 0) return this.announced(outcome, place, startedAt);
    return this.announced(await this.waitFor(place, resolved, startedAt), place, startedAt);
  }

  /**
   * Runs `work` under the lock and releases it, whatever `work` does. Resolves and rejects as `work` does; what the release says never hides it.
   * @throws LockHeldError, LockUnavailableError: `work` did not run. LeaseLostError: `work` returned, but the lock was lost before it did.
   */
  async using<T>(resource: LockResource, options: LockOptions, work: (lease: Lease) => Promise<T> | T): Promise<T> {
    const outcome = await this.acquire(resource, options);
    const shown = placeLock(this.configuration.store, this.configuration.namespace, resource).resource;
    if (outcome.status === 'held') throw new LockHeldError(shown, outcome.retryAfterMs);
    if (outcome.status === 'unavailable') throw new LockUnavailableError(shown, { cause: outcome.cause });
    const section = this.runSection(outcome.lease, work);
    const settled = section.then(ignored, ignored);
    this.sections.add(settled);
    void settled.then(() => this.sections.delete(settled));
    return section;
  }

  /**
   * The lease that another process, or an earlier life of this one, serialized. It is not renewed by itself.
   * @throws InvalidOptionError for what no lease wrote.
   */
  resume(json: unknown): Lease {
    const { store, namespace } = this.configuration;
    const serialized: SerializedLease = parseSerializedLease(json);
    const place = placeLock(store, namespace, serialized.resource.split(':').map(decodePart));
    const leftMs = serialized.validUntilEpochMs - this.clock.now();
    const until = this.clock.monotonic() + Math.min(leftMs, serialized.ttlMs);
    return this.lease(place, serialized.token, serialized.fencingToken, serialized.ttlMs, until, false);
  }

  /**
   * For an application that ends: no new locks, `limitMs` for the sections that run, then their signals abort and their locks are released.
   */
  async shutdown(limitMs: number): Promise<void> {
    this.closing = true;
    await Promise.race([Promise.all(this.sections), this.clock.sleep(this.sections.size === 0 ? 0 : limitMs)]);
    for (const lease of [...this.held]) {
      lease.lose('shutdown');
      await lease.release();
    }
  }

  private async runSection<T>(lease: Lease, work: (lease: Lease) => Promise<T> | T): Promise<T> {
    try {
      const result = await work(lease);
      const { signal } = lease;
      if (signal.aborted)
        throw signal.reason instanceof LeaseLostError ? signal.reason : new LeaseLostError(lease.resource, 'gone');
      return result;
    } finally {
      await lease.release();
    }
  }

  private async waitFor(place: LockPlace, options: ResolvedLockOptions, startedAt: number): Promise<LockOutcome> {
    const deadline = new AbortController();
    const timer = this.clock.after(options.waitMs, () => deadline.abort());
    const ends = options.signal ? AbortSignal.any([deadline.signal, options.signal]) : deadline.signal;
    const turn = await this.line.enter(place.lockKey, ends);
    try {
      for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, maxPollMs)) {
        options.signal?.throwIfAborted();
        const outcome = await this.tryOnce(place, options);
        const leftMs = startedAt + options.waitMs - this.clock.monotonic();
        if (outcome.status !== 'held' || leftMs <= 0 || deadline.signal.aborted) return outcome;
        const woken = this.line.sleeping(place.lockKey);
        await this.clock.sleep(
          Math.min(pollMs * (1 - Math.random() / 2), leftMs),
          AbortSignal.any([ends, woken.signal]),
        );
      }
    } finally {
      timer.cancel();
      turn.leave();
    }
  }

  /** One `add`, and one fencing token. The right is counted from before the first byte left. */
  private async tryOnce(place: LockPlace, options: ResolvedLockOptions): Promise<LockOutcome> {
    const token = randomBytes(18).toString('base64url');
    const sentAt = this.clock.monotonic();
    const record = encodeRecord({ token, until: this.clock.now() + options.ttlMs });
    try {
      const written = await place.shard.write(place.lockKey, record, { lifeMs: options.ttlMs, only: 'absent' });
      if (written.status !== 'stored') return await this.heldBy(place);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const settled = await this.settle(place, token);
      if (settled !== 'own') return settled ?? this.abandon(place, token, error);
    }
    const until = sentAt + options.ttlMs - this.configuration.store.capabilities.clockResolutionMs;
    try {
      const fencingToken = options.fencing ? await this.counter.draw(place) : 0;
      // Drawn too late, it could be larger than that of the next holder.
      if (this.clock.monotonic() >= until)
        return this.abandon(place, token, new LeaseLostError(place.resource, 'expired'));
      return { status: 'acquired', lease: this.lease(place, token, fencingToken, options.ttlMs, until, options.renew) };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return this.abandon(place, token, error);
    }
  }

  private async heldBy(place: LockPlace): Promise<LockOutcome> {
    const [item] = await place.shard.readMany([place.lockKey]).catch((): (StoredItem | undefined)[] => []);
    const record = item && decodeRecord(item.bytes);
    return record ? { status: 'held', retryAfterMs: Math.max(0, record.until - this.clock.now()) } : { status: 'held' };
  }

  /** The reply to an `add` was lost: reading back one's own token settles it. `undefined`: it can't be known. */
  private async settle(place: LockPlace, token: string): Promise<'own' | LockOutcome | undefined> {
    for (let tries = 0; tries < settleTries; tries++) {
      try {
        const [item] = await place.shard.readMany([place.lockKey]);
        if (!item) return undefined;
        return decodeRecord(item.bytes)?.token === token ? 'own' : await this.heldBy(place);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        await this.clock.sleep(firstPollMs);
      }
    }
    return undefined;
  }

  /** Not taken, as far as the caller is concerned. Should the command arrive after all, nobody is locked out for a whole life by a ghost. */
  private abandon(place: LockPlace, token: string, cause: unknown): LockOutcome {
    const ghost = this.lease(place, token, 0, 1, this.clock.monotonic(), false);
    void this.removeGhost(ghost);
    return { status: 'unavailable', cause };
  }

  private async removeGhost(ghost: Lease): Promise<void> {
    for (let delayMs = 50; delayMs <= 6_400 && !this.closing; delayMs *= 2) {
      if ((await ghost.release()) === 'released') return;
      await new Promise<void>((resolve) => this.clock.after(delayMs, resolve));
    }
  }

  private lease(
    place: LockPlace,
    token: string,
    fencingToken: number,
    ttlMs: number,
    until: number,
    renew: boolean,
  ): Lease {
    const context: LeaseContext = {
      clock: this.clock,
      clockResolutionMs: this.configuration.store.capabilities.clockResolutionMs,
      counter: this.counter,
      protections: this.protections,
      onEnd: (ended, released) => {
        this.held.delete(ended);
        if (released) this.line.released(place.lockKey);
      },
    };
    const lease = new Lease(place, token, fencingToken, ttlMs, until, renew, context);
    if (until > this.clock.monotonic()) this.held.add(lease);
    return lease;
  }

  private announced(outcome: LockOutcome, { resource }: LockPlace, startedAt: number): LockOutcome {
    if (outcome.status === 'acquired' && channels.lockAcquired.hasSubscribers) {
      channels.lockAcquired.publish({ resource, waitedMs: this.clock.monotonic() - startedAt });
    }
    return outcome;
  }

  /** Once per shard: a server that evicts can lose a lock that is held. */
  private warnOfEvictions({ shard }: LockPlace): void {
    if (!shard.evicts || this.askedForEvictions.has(shard)) return;
    this.askedForEvictions.add(shard);
    const report = (evicts: boolean): void => {
      const message =
        'Locks live on a server that may evict them under memory pressure. Start one with -M and give it as lock.store.';
      if (evicts) reportFault({ source: shard.name, kind: 'evicts-locks', message });
    };
    shard.evicts().then(report, () => this.askedForEvictions.delete(shard));
  }
}

function ignored(): void {}
