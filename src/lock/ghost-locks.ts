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
}

interface Watched {
  /** A command that has not arrived by then never will. */
  readonly arrivesUntil: number;
  readonly livesUntil: number;
}

const firstPauseMs = 20;
const longestPauseMs = 2_000;
const onItsWayMs = 2_000;
/** Of locks a store counts in seconds. */
const keptLongerMs = 3_000;
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
    if (haunted.holders.size + sent.size > maxHolders || this.places.size >= maxPlaces) return;
    for (const [holder, sentAt] of sent) {
      const livesUntil = sentAt + ttlMs + onItsWayMs + keptLongerMs;
      haunted.holders.set(holder, { arrivesUntil: this.hasConnections ? sentAt + onItsWayMs : livesUntil, livesUntil });
    }
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
    if (typeof found === 'string' && holders.has(found)) {
      const outcome = await removeOwnLock(place, found, deadline);
      if (outcome !== 'unknown') holders.delete(found);
      if (outcome === 'released') this.freed(place.lockKey);
    }
    const now = this.clock.monotonic();
    for (const [holder, { arrivesUntil, livesUntil }] of holders) {
      const hasNotCome = found !== undefined && found !== holder && now >= arrivesUntil;
      if (hasNotCome || now >= livesUntil) holders.delete(holder);
    }
    if (this.places.get(place.lockKey) !== haunted || haunted.timer) return;
    if (holders.size > 0) this.arm(haunted);
    else this.places.delete(place.lockKey);
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
  return { place, holders: new Map(), pauseMs: firstPauseMs, timer: undefined, looking: undefined };
}
