import { inspect } from 'node:util';
import type { Clock, Timer } from '../value/clock.js';
import { LeaseLostError } from '../value/errors.js';
import { channels } from '../value/events.js';
import { AnswerDeadline } from './answer-deadline.js';
import { assertFencingToken } from './fencing-counter.js';
import type { FencingCounter } from './fencing-counter.js';
import type { GhostLocks } from './ghost-locks.js';
import { leaseSignal } from './lease-signal.js';
import type { LockPlace } from './lock-place.js';
import { holderOf } from './lock-record.js';
import { momentAfter, momentNow, msOfSleep, msUntil } from './moment.js';
import type { Moment } from './moment.js';
import { removeOwnLock, renewOwnLock } from './own-lock.js';
import type { LossReason, ReleaseOutcome } from './own-lock.js';
import type { SerializedLease } from './serialized-lease.js';

/** What a lease needs of the lock room. */
export interface LeaseContext {
  readonly namespace: string;
  readonly clock: Clock;
  readonly clockResolutionMs: number;
  /** How long one try may take before the answer is `unavailable`. */
  readonly deadlineMs: number;
  readonly counter: FencingCounter;
  readonly ghosts: GhostLocks;
  readonly protections: LockProtections;
  /** Called when the lease was lost, and when it was released, whatever came of it. */
  readonly onEnd: (lease: Lease, outcome: ReleaseOutcome) => void;
  /** Called when the lease was written down for a next life of the process. */
  readonly onHandOver: () => void;
}

/** What a test can switch off, to show what happens without it. All are on. */
export interface LockProtections {
  /** A holder notices by its own clock that its right has ended. */
  readonly noticesExpiry?: boolean;
  /** A release compares the token; without, it removes whatever it finds. */
  readonly comparesToken?: boolean;
  /** Fencing tokens follow the clock; without, they begin there, and are counted from then on. */
  readonly followsClock?: boolean;
}

/** What was granted. */
export interface LeaseTerms {
  readonly token: string;
  readonly fencingToken: number;
  readonly ttlMs: number;
  readonly validUntil: Moment;
  /** `'now'`: beginning with a renewal at once. */
  readonly renew: boolean | 'now';
}

/**
 * The right to be alone with a resource, until an instant. What the store can take back without telling is reflected in `signal`: pass it
 * on to what the section does, and look at it before each step that can't be undone. A paused process learns of its loss only when it runs again:
 * where that matters, send `fencingToken` along and let the resource compare.
 */
export class Lease {
  // Not a property: whatever walks an object finds no token here.
  readonly #token: string;
  private readonly ttlMs: number;
  private readonly controller = new AbortController();
  private readonly ownSignal: AbortSignal;
  private until: Moment;
  private fencing: number;
  private renewal: Timer | undefined = undefined;
  private expiry: Timer | undefined = undefined;
  private renewing: Promise<boolean> | undefined = undefined;
  private releasing: Promise<ReleaseOutcome> | undefined = undefined;
  /** The last renewal had no answer: then the right ends because the store is away. */
  private storeIsAway = false;
  /** @internal Why the right ended before it was given back. The release may be what learns of it. */
  loss: LeaseLostError | undefined = undefined;
  private writtenDown = false;
  private renewsNoMore = false;

  /** Made by CacheLock. */
  constructor(
    private readonly place: LockPlace,
    terms: LeaseTerms,
    private readonly context: LeaseContext,
  ) {
    this.#token = terms.token;
    this.ttlMs = terms.ttlMs;
    this.until = terms.validUntil;
    this.fencing = terms.fencingToken;
    this.ownSignal = leaseSignal(this.controller, () => this.notice());
    this.scheduleExpiry();
    if (terms.renew) this.scheduleRenewal(terms.renew === 'now' ? 0 : this.renewalIntervalMs);
  }

  /** The key text of what is locked. */
  get resource(): string {
    return this.place.resource;
  }

  /** Random proof of ownership. A secret. */
  get token(): string {
    return this.#token;
  }

  /** Grows from holder to holder of this resource; 0 when the lock was taken without. */
  get fencingToken(): number {
    return this.fencing;
  }

  /**
   * On the monotonic clock (`performance.now()`): before then nobody else can hold the lock, unless the store lost it. Counted from before the
   * command was sent, less what the store's clock may be off. A machine that was suspended meanwhile has that much less.
   */
  get validUntil(): number {
    const { clock } = this.context;
    return Math.min(this.until.monotonic, clock.monotonic() + this.until.wall - clock.now());
  }

  /**
   * Aborts, with a LeaseLostError as reason, when the right ends before it is released. Whoever asks `signal.aborted` is answered by the clock,
   * also when the process was stopped or its event loop blocked and no timer could run.
   */
  get signal(): AbortSignal {
    this.notice();
    return this.ownSignal;
  }

  /** @throws LeaseLostError when the right has ended, by its release as well: a step that the section did not wait for may come later. */
  throwIfLost(): void {
    if (this.releasing) throw new LeaseLostError(this.resource, 'released');
    this.signal.throwIfAborted();
  }

  /**
   * Begins the life anew. False: the right is lost, or was given back, or whether it stands can't be known at the moment (it then stands until
   * `validUntil`); `signal` tells them apart. A right that has ended is never revived.
   */
  async renew(): Promise<boolean> {
    this.notice();
    if (this.loss || this.releasing) return false;
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  /**
   * Gives the lock back, if it is still this lease's: reads it, compares the token, and removes exactly what was read. `lost`: it was somebody
   * else's by then, or nobody's. `unknown`: no answer in time; it goes on in the background, and the lock frees itself at the end of its life.
   * Never rejects. Calls after the first get its outcome.
   */
  release(): Promise<ReleaseOutcome> {
    return (this.releasing ??= this.releaseOnce());
  }

  /**
   * Draws a larger fencing token, for a resource that answered with a larger one than this lease's: the counter was lost and seeded by a clock that
   * is behind.
   * @param above what the resource has seen.
   * @throws LeaseLostError; StoreUnavailableError; InvalidOptionError for a number that no counter gave out.
   */
  async raiseFencingToken(above: number): Promise<number> {
    assertFencingToken(above);
    this.throwIfLost();
    const raised = await this.context.counter.draw(this.place, above);
    this.throwIfLost(); // drawn after the right had ended, it could be larger than the next holder's
    this.fencing = raised;
    return raised;
  }

  /**
   * For a process that restarts while it holds the lock: `cacheLock.resume(json)` in its next life. Holds the token. A shutdown leaves a lease alone
   * that was written down in this way.
   */
  toJSON(): SerializedLease {
    const { clock, namespace } = this.context;
    this.writtenDown = true;
    this.context.onHandOver();
    return {
      version: 1,
      namespace,
      resource: this.place.resource,
      token: this.#token,
      fencingToken: this.fencing,
      ttlMs: Math.ceil(this.ttlMs),
      validUntilEpochMs: Math.max(0, Math.floor(clock.now() + msUntil(this.until, clock))),
    };
  }

  toString(): string {
    return `lease of ${this.resource}`;
  }

  [inspect.custom](): string {
    const state = this.releasing ? 'released' : this.loss ? 'lost' : 'held';
    return `Lease { ${this.resource}, fencingToken: ${this.fencing}, ${state} }`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** @internal Whether it was written down for a next life of the process, which will release it. */
  get isHandedOver(): boolean {
    return this.writtenDown;
  }

  /** @internal Its release has begun. */
  get isGivenBack(): boolean {
    return this.releasing !== undefined;
  }

  /** @internal Ends the right from this side. A lease that was handed over only stops renewing: its signal tells when its right ends. */
  async shutDown(): Promise<void> {
    this.renewsNoMore = true;
    if (this.writtenDown) return this.renewal?.cancel();
    this.lose('shutdown');
    await this.release();
  }

  /** At a third of the life, and before half of what a coarse clock leaves of it. */
  private get renewalIntervalMs(): number {
    return Math.min(this.ttlMs / 3, (this.ttlMs - this.context.clockResolutionMs) / 2);
  }

  /** Timers come late to a process that was stopped or blocked; every call looks at the clock itself first. */
  private notice(): void {
    if (this.context.protections.noticesExpiry === false || this.loss || this.releasing) return;
    if (msUntil(this.until, this.context.clock) <= 0) this.lose(this.storeIsAway ? 'unreachable' : 'expired');
  }

  private lose(reason: LossReason): void {
    if (this.loss || this.releasing) return;
    this.cancelTimers();
    this.controller.abort(this.learn(reason));
    this.context.onEnd(this, 'lost');
  }

  private learn(reason: LossReason): LeaseLostError {
    this.loss = new LeaseLostError(this.resource, reason);
    if (channels.lockLost.hasSubscribers) channels.lockLost.publish({ resource: this.resource, reason });
    return this.loss;
  }

  private async renewOnce(): Promise<boolean> {
    const { clock, clockResolutionMs, deadlineMs } = this.context;
    const outcome = await renewOwnLock(this.place, this.#token, this.ttlMs, new AnswerDeadline(clock, deadlineMs));
    // Before the answer counts: a right that ended meanwhile is not revived by it, somebody may have been told.
    this.notice();
    if (this.loss || this.releasing) return false;
    this.storeIsAway = outcome.status === 'unknown';
    if (outcome.status === 'lost') this.lose(outcome.reason);
    if (outcome.status !== 'renewed') return false;
    this.until = momentAfter(outcome.sentAt, this.ttlMs - clockResolutionMs);
    this.scheduleExpiry();
    return true;
  }

  private async releaseOnce(): Promise<ReleaseOutcome> {
    const { clock, deadlineMs, ghosts, protections, onEnd } = this.context;
    this.cancelTimers();
    const deadline = new AnswerDeadline(clock, deadlineMs);
    const holder = holderOf(this.#token);
    const removal = await removeOwnLock(this.place, holder, deadline, protections.comparesToken);
    if (removal === 'unknown') ghosts.watch(this.place, new Map([[holder, clock.monotonic()]]), this.ttlMs);
    const isLost = removal === 'taken' || removal === 'gone';
    // A right whose life is not over did not end while it was given back: it was lost before.
    if (isLost && !this.loss && msUntil(this.until, clock) > 0) this.learn(removal);
    const outcome = isLost ? 'lost' : removal;
    if (channels.lockReleased.hasSubscribers) channels.lockReleased.publish({ resource: this.resource, outcome });
    onEnd(this, outcome);
    return outcome;
  }

  private scheduleRenewal(delayMs: number): void {
    const { clock } = this.context;
    const due = momentAfter(momentNow(clock), delayMs);
    const wait = (): void => {
      this.renewal = clock.after(msOfSleep(due, clock), () => {
        if (msUntil(due, clock) >= 1) return wait();
        void this.renew().then((renewed) => {
          if (this.loss || this.releasing || this.renewsNoMore) return;
          this.scheduleRenewal(renewed ? this.renewalIntervalMs : Math.min(this.ttlMs / 10, 1_000));
        });
      });
    };
    wait();
  }

  private scheduleExpiry(): void {
    const { clock, protections } = this.context;
    if (protections.noticesExpiry === false) return;
    this.expiry?.cancel();
    this.expiry = clock.after(msOfSleep(this.until, clock), () => {
      this.notice();
      if (!this.loss && !this.releasing) this.scheduleExpiry();
    });
  }

  private cancelTimers(): void {
    this.renewal?.cancel();
    this.expiry?.cancel();
  }
}
