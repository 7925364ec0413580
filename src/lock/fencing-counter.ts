import type { Clock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import type { LockPlace } from './lock-place.js';
import { countOn, maxCounter } from '../store/sound-counter.js';

/**
 * Numbers that only grow, one sequence per lock (Kleppmann, "How to do distributed locking"). The protected resource keeps the largest it has seen
 * and refuses smaller ones.
 *
 * A counter begins at the microseconds since 1970 and is incremented by one per lock, so a counter that was lost begins above all that it ever gave
 * out, as long as locks are taken less than a million times a second and clocks differ by less than the time since the last seed. Until the year 2255
 * the numbers are safe integers.
 *
 * Each counter lives for two days after its last lock, so that a store which evicts nothing is not filled by names that are not locked any more.
 */
export class FencingCounter {
  /** The largest this process has seen per counter: a counter that was lost and seeded by a slow clock is lifted above it. */
  private readonly floors = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly maxFloors = 10_000,
  ) {}

  /** A number above all that were drawn before. @throws StoreUnavailableError */
  async draw({ shard, fencingKey }: LockPlace, above = 0): Promise<number> {
    const floor = Math.max(above, this.floors.get(fencingKey) ?? 0);
    let drawn = await countOn(shard, fencingKey, 1, Math.max(this.now(), floor + 1), counterLifeMs);
    if (drawn <= floor) drawn = await countOn(shard, fencingKey, floor - drawn + 1, floor + 1, counterLifeMs);
    this.remember(fencingKey, drawn);
    return drawn;
  }

  /** Lifts the counter, so that all later draws are larger than `above`. @throws StoreUnavailableError */
  async lift({ shard, fencingKey }: LockPlace, above: number): Promise<void> {
    const present = await countOn(shard, fencingKey, 0, Math.max(this.now(), above), counterLifeMs);
    if (present < above) await countOn(shard, fencingKey, above - present, above, counterLifeMs);
    this.remember(fencingKey, above);
  }

  private now(): number {
    return Math.floor(this.clock.now() * 1_000);
  }

  private remember(fencingKey: string, seen: number): void {
    const floor = Math.max(seen, this.floors.get(fencingKey) ?? 0);
    this.floors.delete(fencingKey);
    this.floors.set(fencingKey, floor);
    if (this.floors.size <= this.maxFloors) return;
    const [oldest] = this.floors.keys();
    if (oldest !== undefined) this.floors.delete(oldest);
  }
}

/** Hosts' clocks may differ by nearly as much: what is seeded after it is above what was counted before it. */
const counterLifeMs = 2 * 24 * 3_600_000;

/** @throws InvalidOptionError for a number that no counter gave out: it would leave later ones no room. */
export function assertFencingToken(above: number): void {
  if (Number.isSafeInteger(above) && above >= 0 && above <= maxCounter) return;
  throw new InvalidOptionError(
    'above',
    `${above} is no fencing token`,
    'Pass the largest that the resource has accepted.',
  );
}
