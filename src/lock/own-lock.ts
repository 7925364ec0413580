import type { Clock } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { LeaseLostError } from '../value/errors.js';
import { answerInTime } from './answer-in-time.js';
import type { LockPlace } from './lock-place.js';
import { decodeRecord, encodeRecord, holderOf } from './lock-record.js';
import { momentNow } from './moment.js';
import type { Moment } from './moment.js';

/** `released`: it was still ours, and is free. `lost`: it was somebody else's by then, or nobody's. `unknown`: no answer. */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';
export type LossReason = LeaseLostError['reason'];
export type RenewalOutcome =
  | { readonly status: 'renewed'; readonly sentAt: Moment }
  | { readonly status: 'lost'; readonly reason: LossReason }
  | { readonly status: 'unknown' };

/** How long an owner may ask, and by which clock. */
export interface Asking {
  readonly clock: Clock;
  /** On the monotonic clock. */
  readonly deadlineAt: number;
}

/** A failed question is asked again twice; a cut connection is back by then. */
const maxFailures = 3;
const pauseMs = 20;
/** Somebody wrote between reading and writing: its owner's renewal, or the connection was another one. More than a few are no accident. */
const maxChanges = 5;

/**
 * Reads the lock, compares the token, and removes exactly the revision that was read: never blindly, since between any two moments somebody
 * else may have taken it; never by a revision that was remembered, since a server that restarted counts from 1 again.
 *
 * @param holder what the owner's token is called in the store.
 * @param comparesToken false only in tests that show what a release without an owner check does.
 */
export async function removeOwnLock(
  place: LockPlace,
  holder: string,
  asking: Asking,
  comparesToken = true,
): Promise<ReleaseOutcome> {
  let removeUnanswered = false;
  const settled = await asked(asking, async (inTime) => {
    const [item] = await inTime(place.shard.readMany([place.lockKey]), place);
    const isOwn = item !== undefined && (decodeRecord(item.bytes)?.holder === holder || !comparesToken);
    // A removal whose reply was lost may be why it is gone.
    if (!isOwn) return removeUnanswered ? 'unknown' : 'lost';
    const before = removeUnanswered;
    removeUnanswered = true;
    const outcome = await inTime(place.shard.remove(place.lockKey, item.revision), place);
    removeUnanswered = before;
    return outcome === 'removed' ? 'released' : undefined;
  });
  return settled ?? 'unknown';
}

/** Gives the lock a new life by compare-and-set on what was just read. `sentAt` is from before the command left. */
export async function renewOwnLock(
  place: LockPlace,
  token: string,
  ttlMs: number,
  asking: Asking,
): Promise<RenewalOutcome> {
  const { clock } = asking;
  const holder = holderOf(token);
  const settled = await asked<RenewalOutcome>(asking, async (inTime) => {
    const [item] = await inTime(place.shard.readMany([place.lockKey]), place);
    if (!item) return { status: 'lost', reason: 'gone' };
    if (decodeRecord(item.bytes)?.holder !== holder) return { status: 'lost', reason: 'taken' };
    const sentAt = momentNow(clock);
    const record = encodeRecord({ holder, until: sentAt.wall + ttlMs, ttlMs });
    const written = await inTime(
      place.shard.write(place.lockKey, record, { lifeMs: ttlMs, irreplaceable: true, only: item.revision }),
      place,
    );
    return written.status === 'stored' ? { status: 'renewed', sentAt } : undefined;
  });
  return settled ?? { status: 'unknown' };
}

type InTime = <R>(operation: Promise<R>, place: LockPlace) => Promise<R>;

/** Repeats the question until it is settled; `undefined` when it can't be within its deadline. */
async function asked<R>(
  { clock, deadlineAt }: Asking,
  question: (inTime: InTime) => Promise<R | undefined>,
): Promise<R | undefined> {
  const inTime: InTime = (operation, { shard }) => answerInTime(operation, deadlineAt, clock, shard.name);
  let failures = 0;
  for (let changes = 0; changes < maxChanges;) {
    try {
      const settled = await question(inTime);
      if (settled !== undefined) return settled;
      changes++;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      if (++failures === maxFailures || clock.monotonic() >= deadlineAt) return undefined;
      await clock.sleep(pauseMs * failures);
    }
  }
  return undefined;
}
