import type { Revision } from '../store/store.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { LeaseLostError } from '../value/errors.js';
import type { AnswerDeadline } from './answer-deadline.js';
import type { LockPlace } from './lock-place.js';
import { decodeRecord, encodeRecord, holderOf } from './lock-record.js';
import { momentNow } from './moment.js';
import type { Moment } from './moment.js';

/** `released`: it was still ours, and is free. `lost`: it was somebody else's by then, or nobody's. `unknown`: no answer. */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';
/** Of a release, with what stood there instead: another's lock (`taken`), or none (`gone`). */
export type RemovalOutcome = 'released' | 'taken' | 'gone' | 'unknown';
export type LossReason = LeaseLostError['reason'];
export type RenewalOutcome =
  | { readonly status: 'renewed'; readonly sentAt: Moment }
  | { readonly status: 'lost'; readonly reason: LossReason }
  | { readonly status: 'unknown' };

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
  { shard, lockKey }: LockPlace,
  holder: string,
  deadline: AnswerDeadline,
  comparesToken = true,
): Promise<RemovalOutcome> {
  let removeUnanswered = false;
  const settled = await asked<RemovalOutcome>(deadline, async () => {
    const [item] = await deadline.keep(shard.readMany([lockKey]), shard.name);
    const isOwn = item !== undefined && (decodeRecord(item.bytes)?.holder === holder || !comparesToken);
    // A removal whose reply was lost may be why it is gone.
    if (!isOwn) return removeUnanswered ? 'unknown' : item ? 'taken' : 'gone';
    const before = removeUnanswered;
    removeUnanswered = true;
    const outcome = await deadline.keep(shard.remove(lockKey, item.revision), shard.name);
    removeUnanswered = before;
    return outcome === 'removed' ? 'released' : undefined;
  });
  return settled ?? 'unknown';
}

/**
 * Writes the lock with a whole life, on that condition. The store may keep it longer than its holder counts on, never shorter. @returns when, from before the command
 * left; undefined: it is another's, or was.
 */
export async function writeLock(
  { shard, lockKey }: LockPlace,
  holder: string,
  ttlMs: number,
  only: 'absent' | Revision,
  deadline: AnswerDeadline,
): Promise<Moment | undefined> {
  const sentAt = momentNow(deadline.clock);
  const record = encodeRecord({ holder, until: sentAt.wall + ttlMs, ttlMs });
  const options = { lifeMs: ttlMs, neverShorter: true, irreplaceable: true, only };
  const { status } = await deadline.keep(shard.write(lockKey, record, options), shard.name);
  return status === 'stored' ? sentAt : undefined;
}

/** Gives the lock a new life by compare-and-set on what was just read. `sentAt` is from before the command left. */
export async function renewOwnLock(
  place: LockPlace,
  token: string,
  ttlMs: number,
  deadline: AnswerDeadline,
): Promise<RenewalOutcome> {
  const { shard, lockKey } = place;
  const holder = holderOf(token);
  const settled = await asked<RenewalOutcome>(deadline, async () => {
    const [item] = await deadline.keep(shard.readMany([lockKey]), shard.name);
    if (!item) return { status: 'lost', reason: 'gone' };
    if (decodeRecord(item.bytes)?.holder !== holder) return { status: 'lost', reason: 'taken' };
    const sentAt = await writeLock(place, holder, ttlMs, item.revision, deadline);
    return sentAt && { status: 'renewed', sentAt };
  });
  return settled ?? { status: 'unknown' };
}

/** Repeats the question until it is settled; `undefined` when it can't be within its deadline. */
async function asked<R>(deadline: AnswerDeadline, question: () => Promise<R | undefined>): Promise<R | undefined> {
  let failures = 0;
  for (let changes = 0; changes < maxChanges;) {
    try {
      const settled = await question();
      if (settled !== undefined) return settled;
      changes++;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      if (++failures === maxFailures || deadline.leftMs <= 0) return undefined;
      await deadline.clock.sleep(pauseMs * failures);
    }
  }
  return undefined;
}
