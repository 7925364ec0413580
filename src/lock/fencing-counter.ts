import type { Clock } from '../value/clock.js';
import type { LockPlace } from './lock-place.js';

/**
 * Numbers that only grow, one sequence per lock (Kleppmann, "How to do distributed locking"). The protected resource keeps the largest it has seen
 * and refuses smaller ones.
 *
 * A counter begins at the microseconds since 1970 and is incremented by one per lock, so a counter that was lost begins above all that it ever gave
 * out, as long as locks are taken less than a million times a second and clocks differ by less than the time since the last seed. Until the year 2255
 * the numbers are safe integers.
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
    let drawn = await shard.increment(fencingKey, 1, Math.max(Math.floor(this.clock.now() * 1_000), floor + 1));
    if (drawn <= floor) drawn = await shard.increment(fencingKey, floor - drawn + 1, floor + 1);
    this.remember(fencingKey, drawn);
    return drawn;
  }

  private remember(fencingKey: string, drawn: number): void {
    this.floors.delete(fencingKey);
    this.floors.set(fencingKey, drawn);
    if (this.floors.size <= this.maxFloors) return;
    const [oldest] = this.floors.keys();
    if (oldest !== undefined) this.floors.delete(oldest);
  }
}
