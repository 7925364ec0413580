import { inspect } from 'node:util';
import type { Clock, Timer } from '../value/clock.js';
import { InvalidOptionError, LeaseLostError, StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import type { FencingCounter } from './fencing-counter.js';
import type { LockPlace } from './lock-place.js';
import { decodeRecord, encodeRecord } from './lock-record.js';
import { removeOwnLock } from './remove-own-lock.js';

export type ReleaseOutcome = 'released' | 'lost' | 'unknown';
export type LossReason = LeaseLostError['reason'];

/** What a lease needs of its lock. */
export interface LeaseContext {
  readonly clock: Clock;
  readonly clockResolutionMs: number;
  readonly counter: FencingCounter;
  readonly protections: LockProtections;
  /** Called once, when the lease ends in any way. */
  readonly onEnd: (lease: Lease, released: boolean) => void;
}

/** What a test can switch off, to show what happens without it. All are on. */
export interface LockProtections {
  /** A holder notices by its own clock that its right has ended. */
  readonly noticesExpiry?: boolean;
  /** A release compares the token and removes only the revision just read; without, it removes by the revision that was remembered. */
  readonly comparesToken?: boolean;
}

/** A lease as JSON. It holds the token: whoever has it can release the lock. */
export interface SerializedLease {
  readonly version: 1;
  readonly resource: string;
  readonly token: string;
  readonly fencingToken: number;
  readonly ttlMs: number;
  /** Wall clock: when the right ends unless renewed. */
  readonly validUntilEpochMs: number;
}

/**
 * The right to be alone with a resource, until an instant. Everything that the store can take back without telling is reflected in `signal`: pass it
 * on to what the section does, and look at it before each step that can't be undone. A paused process learns of its loss only when it runs again:
 * where that matters, send `fencingToken` along and let the resource compare.
 */
export class Lease {
  private readonly controller = new AbortController();
  private renewal: Timer | undefined;
  private expiry: Timer | undefined;
  private ended = false;
  private renewing: Promise<boolean> | undefined;
  private fencing: number;

  constructor(
    private readonly place: LockPlace,
    /** Random proof of ownership. A secret. */
    readonly token: string,
    fencingToken: number,
    private readonly ttlMs: number,
    private until: number,
    private readonly renews: boolean,
    private readonly context: LeaseContext,
  ) {
    this.fencing = fencingToken;
    this.scheduleExpiry();
    if (renews) this.scheduleRenewal(ttlMs / 3);
  }

  get resource(): string {
    return this.place.resource;
  }

  /** Grows from holder to holder of this resource; 0 when the lock was taken without. */
  get fencingToken(): number {
    return this.fencing;
  }

  /** On the monotonic clock (`performance.now()`): before then nobody else can hold the lock. */
  get validUntil(): number {
    return this.until;
  }

  /** Aborts, with a LeaseLostError as reason, when the right has ended before it was released. */
  get signal(): AbortSignal {
    this.notice();
    return this.controller.signal;
  }

  /** @throws LeaseLostError when the right has ended. */
  throwIfLost(): void {
    this.signal.throwIfAborted();
  }

  /**
   * Begins the life anew. False: the right is lost, or whether it stands can't be known at the moment; `signal` tells the two apart.
   */
  async renew(): Promise<boolean> {
    this.notice();
    if (this.ended || this.lost) return false;
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  /**
   * Gives the lock back, if it is still this lease's: reads it, compares the token, and removes exactly what was read. `lost`: it was somebody
   * else's by then, or nobody's. `unknown`: the store can't be reached; the lock frees itself at the end of its life. Never rejects.
   */
  async release(): Promise<ReleaseOutcome> {
    this.notice();
    this.end();
    await this.renewing;
    const outcome = await removeOwnLock(this.place, this.token, this.context.protections.comparesToken).catch(
      (error: unknown): ReleaseOutcome => {
        if (error instanceof StoreUnavailableError) return 'unknown';
        throw error;
      },
    );
    if (channels.lockReleased.hasSubscribers) channels.lockReleased.publish({ resource: this.resource, outcome });
    this.context.onEnd(this, outcome === 'released');
    return outcome;
  }

  /**
   * Draws a larger fencing token, for a resource that answered with a larger one than this lease's: its counter was lost and seeded by a clock that is
   * behind.
   * @param above what the resource has seen.
   * @throws LeaseLostError; StoreUnavailableError; InvalidOptionError for a number that no counter gave out.
   */
  async raiseFencingToken(above: number): Promise<number> {
    if (!Number.isSafeInteger(above) || above < 0 || above > maxFencingToken) {
      throw new InvalidOptionError(
        'above',
        `${above} is no fencing token`,
        'Pass the largest that the resource has accepted.',
      );
    }
    this.throwIfLost();
    const raised = await this.context.counter.draw(this.place, above);
    this.throwIfLost(); // drawn after the right had ended, it could be larger than the next holder's
    this.fencing = raised;
    return raised;
  }

  /** For a process that restarts while it holds the lock: `cacheLock.resume(json)` in its next life. Holds the token. */
  toJSON(): SerializedLease {
    const { clock } = this.context;
    return {
      version: 1,
      resource: this.place.resource,
      token: this.token,
      fencingToken: this.fencing,
      ttlMs: this.ttlMs,
      validUntilEpochMs: Math.floor(clock.now() + this.until - clock.monotonic()),
    };
  }

  toString(): string {
    return `lease of ${this.resource}`;
  }

  [inspect.custom](): string {
    return `Lease { ${this.resource}, fencingToken: ${this.fencing}, ${this.lost ? 'lost' : this.ended ? 'released' : 'held'} }`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** @internal Ends the right from this side: at shutdown. */
  lose(reason: LossReason): void {
    if (this.ended || this.lost) return;
    this.cancelTimers();
    this.controller.abort(new LeaseLostError(this.resource, reason));
    if (channels.lockLost.hasSubscribers) channels.lockLost.publish({ resource: this.resource, reason });
    this.context.onEnd(this, false);
  }

  private get lost(): boolean {
    return this.controller.signal.aborted;
  }

  /** Timers come late to a process that was stopped or blocked; every call looks at the clock itself first. */
  private notice(): void {
    if (this.context.protections.noticesExpiry === false) return;
    if (this.context.clock.monotonic() >= this.until) this.lose('expired');
  }

  private async renewOnce(): Promise<boolean> {
    const { clock, clockResolutionMs } = this.context;
    try {
      const [item] = await this.place.shard.readMany([this.place.lockKey]);
      this.notice();
      if (this.lost) return false;
      if (!item) return this.lostTo('gone');
      if (decodeRecord(item.bytes)?.token !== this.token) return this.lostTo('taken');
      const sentAt = clock.monotonic();
      const record = encodeRecord({ token: this.token, until: clock.now() + this.ttlMs });
      const written = await this.place.shard.write(this.place.lockKey, record, {
        lifeMs: this.ttlMs,
        only: item.revision,
      });
      if (written.status !== 'stored') return this.lostTo('taken');
      this.notice(); // a right that ended while it was renewed is not revived: somebody may have been told
      if (this.lost || this.ended) return false;
      this.until = sentAt + this.ttlMs - clockResolutionMs;
      this.scheduleExpiry();
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailableError) return false;
      throw error;
    }
  }

  private lostTo(reason: LossReason): false {
    this.lose(reason);
    return false;
  }

  private scheduleRenewal(delayMs: number): void {
    this.renewal = this.context.clock.after(delayMs, () => {
      void this.renew().then((renewed) => {
        if (this.ended || this.lost) return;
        this.scheduleRenewal(renewed ? this.ttlMs / 3 : Math.min(this.ttlMs / 10, 1_000));
      });
    });
  }

  private scheduleExpiry(): void {
    if (this.context.protections.noticesExpiry === false) return;
    this.expiry?.cancel();
    const leftMs = Math.max(0, this.until - this.context.clock.monotonic());
    this.expiry = this.context.clock.after(leftMs, () => {
      if (this.context.clock.monotonic() >= this.until) this.lose('expired');
      else if (!this.ended && !this.lost) this.scheduleExpiry();
    });
  }

  private end(): void {
    this.ended = true;
    this.cancelTimers();
  }

  private cancelTimers(): void {
    this.renewal?.cancel();
    this.expiry?.cancel();
  }
}

/** Far above the microseconds of this century, and with room to count on. */
const maxFencingToken = Number.MAX_SAFE_INTEGER - 2 ** 40;
