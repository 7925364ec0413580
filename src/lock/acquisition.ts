import { randomBytes } from 'node:crypto';
import type { StoredItem } from '../store/store.js';
import { StoreUnavailableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { AnswerDeadline } from './answer-deadline.js';
import type { Approach, Attempt } from './attempt.js';
import type { LeaseContext } from './lease.js';
import type { ResolvedLockOptions } from './lock-options.js';
import type { LockPlace } from './lock-place.js';
import { decodeRecord, holderOf } from './lock-record.js';
import { momentAfter, msUntil } from './moment.js';
import type { Moment } from './moment.js';
import { removeOwnLock, writeLock } from './own-lock.js';
import type { RemovalOutcome } from './own-lock.js';

type AcquisitionContext = Pick<LeaseContext, 'clock' | 'clockResolutionMs' | 'deadlineMs' | 'counter' | 'ghosts'>;

const maxFailures = 3;
const pauseMs = 20;
/** It was free, and taken again before the `add` arrived: so often that it is held as far as this caller is concerned. */
const maxRounds = 4;

/** One caller's efforts to take one lock. */
export class Acquisition {
  /** Tokens of `add`s that were sent and not answered, by what each is called in the store, and when: any of them may yet be, or become, the lock's. */
  private readonly unanswered = new Map<string, { readonly token: string; readonly sentAt: number }>();

  private hasReportedForeign = false;

  constructor(
    private readonly place: LockPlace,
    private readonly options: ResolvedLockOptions,
    private readonly context: AcquisitionContext,
  ) {}

  /** @param approach `look` reads first, which costs one operation instead of two where the lock is still held. */
  async attempt(approach: Approach): Promise<Attempt> {
    const { clock, deadlineMs } = this.context;
    const deadline = new AnswerDeadline(clock, deadlineMs);
    let failures = 0;
    for (let rounds = 0; rounds < maxRounds;) {
      try {
        const answer = await this.step(approach, deadline);
        if (answer) return answer;
        rounds++;
        approach = 'add';
      } catch (cause) {
        if (!(cause instanceof StoreUnavailableError)) throw cause;
        const { leftMs } = deadline;
        if (++failures === maxFailures || leftMs <= 0) return { status: 'unavailable', cause };
        await clock.sleep(Math.min(pauseMs * failures, leftMs));
        // The reply was lost; the command may have arrived. Reading back one's own token settles it.
        approach = 'look';
      }
    }
    return { status: 'held' };
  }

  /** The caller has his answer. What he sent and never heard of is removed wherever it turns up. */
  finish(): void {
    const sent = new Map([...this.unanswered].map(([holder, { sentAt }]) => [holder, sentAt]));
    this.context.ghosts.watch(this.place, sent, this.options.ttlMs);
  }

  /** A grant that nobody wants any more. */
  async giveBack(token: string): Promise<RemovalOutcome> {
    const { clock, deadlineMs } = this.context;
    const holder = holderOf(token);
    const outcome = await removeOwnLock(this.place, holder, new AnswerDeadline(clock, deadlineMs));
    if (outcome === 'unknown') this.unanswered.set(holder, { token, sentAt: clock.monotonic() });
    return outcome;
  }

  /** @returns undefined when the lock was found free. */
  private async step(approach: Approach, deadline: AnswerDeadline): Promise<Attempt | undefined> {
    const { clock } = this.context;
    const { shard, lockKey } = this.place;
    const { ttlMs } = this.options;
    if (approach === 'add') {
      const token = randomBytes(18).toString('base64url');
      const holder = holderOf(token);
      this.unanswered.set(holder, { token, sentAt: clock.monotonic() });
      const sentAt = await writeLock(this.place, holder, ttlMs, 'absent', deadline);
      if (sentAt) return this.grant(token, sentAt, deadline);
      this.unanswered.delete(holder);
    }
    const [item] = await deadline.keep(shard.readMany([lockKey]), shard.name);
    return item && this.judge(item, deadline);
  }

  private async judge({ bytes, revision }: StoredItem, deadline: AnswerDeadline): Promise<Attempt | undefined> {
    const { clock } = this.context;
    const { shard, lockKey } = this.place;
    const record = decodeRecord(bytes);
    if (!record) {
      // Bytes that no holder wrote count as somebody else's: a lock is never taken over on a guess. Where holders sign, it is none.
      if (shard.authenticates !== true) {
        this.reportForeign();
        return { status: 'held' };
      }
      await deadline.keep(shard.remove(lockKey, revision), shard.name);
      return undefined;
    }
    const own = this.unanswered.get(record.holder);
    if (own === undefined) {
      // Not more than its life, however far the holder's clock is ahead.
      return { status: 'held', retryAfterMs: Math.min(Math.max(0, record.until - clock.now()), record.ttlMs) };
    }
    // Ours. Nobody has said when its life began, so it gets another one.
    this.unanswered.set(record.holder, { ...own, sentAt: clock.monotonic() });
    const sentAt = await writeLock(this.place, record.holder, this.options.ttlMs, revision, deadline);
    return sentAt && this.grant(own.token, sentAt, deadline);
  }

  /** Once per caller: he may look often. */
  private reportForeign(): void {
    if (this.hasReportedForeign) return;
    this.hasReportedForeign = true;
    const { shard, lockKey } = this.place;
    const message =
      'What stands under the key of a lock was written by no holder. It counts as held until it ends or is deleted in the store.';
    reportFault({ source: shard.name, kind: 'undecodable', message, key: lockKey });
  }

  /** The right is counted from before the first byte left. */
  private async grant(token: string, sentAt: Moment, deadline: AnswerDeadline): Promise<Attempt> {
    const { clock, clockResolutionMs, counter } = this.context;
    const validUntil = momentAfter(sentAt, this.options.ttlMs - clockResolutionMs);
    const fencingToken = this.options.fencing
      ? await deadline.keep(counter.draw(this.place), this.place.shard.name)
      : 0;
    // 1. This lock ends unnoticed. 2. Somebody else takes it and draws n. 3. This draw arrives and gets n + 1: the older holder
    // would have the larger number. Drawn before `validUntil`, it was drawn while nobody else could hold the lock.
    if (msUntil(validUntil, clock) <= 0) {
      throw new StoreUnavailableError(this.place.shard.name, 'it answered after the life of the lock was over');
    }
    this.unanswered.delete(holderOf(token));
    return { status: 'granted', token, fencingToken, validUntil };
  }
}
