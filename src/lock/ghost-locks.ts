import type { Clock, Timer } from '../value/clock.js';
import { AnswerDeadline } from './answer-deadline.js';
import { decodeRecord } from './lock-record.js';
import type { LockPlace } from './lock-place.js';
import { removeOwnLock } from './own-lock.js';

interface Haunted {
  readonly place: LockPlace;
  /** By what each token is called in the store. */
  readonly holders: Map<string, Watched>;
  pauseMs: number;
  timer: Timer | undefined;
  looking: Promise<void> | undefined;
  /** Since when no look was answered, on the monotonic clock; undefined: the last one was. */
  silentSince: number | undefined;
}

interface Watched {
  /** A command that has not arrived so long after it was sent never will, if the store answers meanwhile. */
  readonly arrivesWithinMs: number;
  /** When it was sent; or when the store answered again after a silence, in which a server that was stopped has carried out nothing. */
  countedFrom: number;
}

const firstPauseMs = 20;
const longestPauseMs = 2_000;
const onItsWayMs = 2_000;
/** Besides its life, where a command may be carried out at any time: longer than such a store keeps a lock. */
const keptLongerMs = 3_000;
/** A server that is silent for so long does not go on: it was replaced. */
const longestSilenceMs = 24 * 3_600_000;
/** So many locks at a time; those beyond live out their life. */
const maxPlaces = 1_000;
const maxHolders = 1_000;

/**
 * Looks for locks that nobody holds: an `add` or a release without an answer may have arrived, or arrive still. They are removed by their own
 * token, so that nobody is locked out by a ghost for a whole life. In the background, at growing intervals, without keeping the process alive.
 */
export class GhostLocks {
  private readonly places = new Map<string, Haunted>();

  constructor(
    private readonly clock: Clock,
    private readonly deadlineMs: number,
    /** What was sent and not answered ends with its connection. Elsewhere it is carried out whenever the machine can: a disk that hung goes on. */
    private readonly hasConnections: boolean,
    private readonly freed: (lockKey: string) => void,
  ) {}

  /** @param sent by what each token is called in the store: when it was last sent, on the monotonic clock. */
  watch(place: LockPlace, sent: ReadonlyMap<string, number>, ttlMs: number): void {
    if (sent.size === 0) return;
    const haunted = this.places.get(place.lockKey) ?? newlyHaunted(place);
    if (haunted.holders.size + sent.size > maxHolders) return;
    if (!this.places.has(place.lockKey) && this.places.size >= maxPlaces && !this.makesRoom()) return;
    const arrivesWithinMs = onItsWayMs + (this.hasConnections ? 0 : ttlMs + keptLongerMs);
    for (const [holder, countedFrom] of sent) haunted.holders.set(holder, { arrivesWithinMs, countedFrom });
    this.places.set(place.lockKey, haunted);
    // The newest comes soonest.
    haunted.pauseMs = firstPauseMs;
    haunted.timer?.cancel();
    this.arm(haunted);
  }

  /** For an application that ends: a last look at each place, or the one that is under way. What arrives after it lives out its life. */
  async stop(): Promise<void> {
    const left = [...this.places.values()];
    this.places.clear();
    for (const { timer } of left) timer?.cancel();
    await Promise.all(left.map((haunted) => haunted.looking ?? this.look(haunted)));
  }

  /** The place that has been watched longest of those that do not answer is left. */
  private makesRoom(): boolean {
    for (const [lockKey, { silentSince, timer }] of this.places) {
      if (silentSince === undefined) continue;
      timer?.cancel();
      return this.places.delete(lockKey);
    }
    return false;
  }

  private arm(haunted: Haunted): void {
    haunted.timer = this.clock.after(haunted.pauseMs, () => void this.look(haunted));
    haunted.pauseMs = Math.min(haunted.pauseMs * 2, longestPauseMs);
  }

  private look(haunted: Haunted): Promise<void> {
    return (haunted.looking = this.lookOnce(haunted).finally(() => (haunted.looking = undefined)));
  }

  private async lookOnce(haunted: Haunted): Promise<void> {
    const { place, holders } = haunted;
    haunted.timer = undefined;
    const deadline = new AnswerDeadline(this.clock, this.deadlineMs);
    const found = await this.holderAt(place, deadline);
    let isAnswered = found !== undefined;
    if (typeof found === 'string' && holders.has(found)) {
      const outcome = await removeOwnLock(place, found, deadline);
      isAnswered = outcome !== 'unknown';
      if (isAnswered) holders.delete(found);
      if (outcome === 'released') this.freed(place.lockKey);
    }
    this.judge(haunted, isAnswered);
    if (this.places.get(place.lockKey) !== haunted || haunted.timer) return;
    if (holders.size > 0) this.arm(haunted);
    else this.places.delete(place.lockKey);
  }

  /**
   * 1. An `add` is sent to a server that is stopped, and stays in its socket; 2. no look is answered, for longer than the lock would have lived; 3. the
   * server goes on, and answers a look; 4. it carries out the `add`. So a silence says nothing, and after it all is counted anew.
   */
  private judge(haunted: Haunted, isAnswered: boolean): void {
    const { holders, silentSince } = haunted;
    const now = this.clock.monotonic();
    haunted.silentSince = isAnswered ? undefined : (silentSince ?? now);
    if (!isAnswered) {
      if (now - (silentSince ?? now) >= longestSilenceMs) holders.clear();
      return;
    }
    for (const [holder, watched] of holders) {
      if (silentSince !== undefined) watched.countedFrom = now;
      if (now >= watched.countedFrom + watched.arrivesWithinMs) holders.delete(holder);
    }
  }

  /** `null`: free, or not a holder's. `undefined`: no answer. */
  private async holderAt({ shard, lockKey }: LockPlace, deadline: AnswerDeadline): Promise<string | null | undefined> {
    try {
      const [item] = await deadline.keep(shard.readMany([lockKey]), shard.name);
      return (item && decodeRecord(item.bytes)?.holder) ?? null;
    } catch {
      return undefined;
    }
  }
}

function newlyHaunted(place: LockPlace): Haunted {
  return {
    place,
    holders: new Map(),
    pauseMs: firstPauseMs,
    timer: undefined,
    looking: undefined,
    silentSince: undefined,
  };
}
