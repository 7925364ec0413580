import type { Shard, StoredItem } from '../store/store.js';
import type { Clock } from '../value/clock.js';
import { InvalidOptionError, StoreUnavailableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { isCounter, maxCounter, numberIn } from '../store/sound-counter.js';
import type { LockPlace } from './lock-place.js';

/**
 * A counter that nobody draws from goes so long after the clock has come to its number, so that a store which evicts nothing is not filled by names that are not
 * locked any more. The next one begins at the clock, which is above all that the lost one gave out.
 */
const counterLifeMs = 2 * 86_400_000;
/** Others draw while this one reads and writes: rarely, since who draws holds the lock. */
const maxTries = 8;

/**
 * Numbers that only grow, one sequence per lock (Kleppmann, "How to do distributed locking"). The protected resource keeps the largest it has seen
 * and refuses smaller ones.
 *
 * Each number is the larger of the stored one plus 1 and the microseconds since 1970. So a counter that was lost, or that a snapshot or a failover set
 * back, goes on above all that it ever gave out, as long as the lock is taken less than a million times a second and clocks differ by less than the
 * time since the last draw. Until the year 2255 the numbers are safe integers.
 *
 * The store's own clock counts where it has one; the process's elsewhere.
 */
export class FencingCounter {
  /** The largest this process has seen per counter: a counter that was lost and begun by a slow clock is lifted above it. */
  private readonly floors = new Map<string, number>();

  /** @param followsClock false only in tests that show what a counter gives out that begins at the clock and is incremented from then on. */
  constructor(
    private readonly clock: Clock,
    private readonly maxFloors = 10_000,
    private readonly followsClock = true,
  ) {}

  /** A number above all that were drawn before, and above `above`; all later ones are larger. @throws StoreUnavailableError */
  async draw({ shard, fencingKey }: LockPlace, above = 0): Promise<number> {
    const atLeast = Math.max(above, this.floorOf(fencingKey)) + 1;
    const drawn = this.followsClock
      ? await (shard.draw?.(fencingKey, atLeast, counterLifeMs) ?? this.drawByRevision(shard, fencingKey, atLeast))
      : await shard.increment(fencingKey, 1, this.now(), counterLifeMs);
    this.remember(fencingKey, drawn);
    return drawn;
  }

  private async drawByRevision(shard: Shard, fencingKey: string, atLeast: number): Promise<number> {
    for (let tries = 0; tries < maxTries; tries++) {
      const [item] = await shard.readMany([fencingKey]);
      const drawn = Math.max(item ? drawnLast(shard, fencingKey, item) + 1 : 0, this.now(), atLeast);
      const only = item ? item.revision : 'absent';
      const bytes = Buffer.from(String(drawn), 'latin1');
      const lifeMs = counterLifeMs + Math.ceil(Math.max(0, drawn - this.now()) / 1_000);
      const { status } = await shard.write(fencingKey, bytes, { lifeMs, irreplaceable: true, only });
      if (status === 'stored') return drawn;
    }
    throw new StoreUnavailableError(shard.name, `${fencingKey} changed each time a number was drawn from it`);
  }

  /**
   * A number that no counter is believed with is no floor: 1. P draws it; 2. Q, who has not seen it, begins at the clock, is refused by the resource and goes
   * one above it; 3. P, by its floor, would draw the same number.
   */
  private floorOf(fencingKey: string): number {
    const floor = this.floors.get(fencingKey) ?? 0;
    return floor < maxCounter ? floor : 0;
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

/**
 * What no draw has written counts as absent: whoever can write to the store can't stop a lock for good. So does the last number that a draw may write: 1. somebody
 * sets the counter to it; 2. a draw gives out one more, and the resource accepts that; 3. the next draw finds no number to count on and begins at the clock.
 */
function drawnLast(shard: Shard, fencingKey: string, item: StoredItem): number {
  const number = numberIn(item);
  if (isCounter(number) && number < maxCounter) return number;
  const message = 'A counter held what no process has counted. It was begun anew.';
  reportFault({ source: shard.name, kind: 'undecodable', message, key: fencingKey });
  return 0;
}

/** For numbers that are drawn after it: they are counted one by one. */
const room = 2 ** 39;

/**
 * What a lease may go above. More than a counter is believed: the resource may have accepted the last number of one that somebody had set. Later leases begin
 * below it, and go above it in the same way.
 * @throws InvalidOptionError for what is no number, or has none after it.
 */
export function assertFencingToken(above: number): void {
  assertAtMost(maxCounter + room, above);
}

/** What a counter may be lifted above, so that all later draws are larger. @throws InvalidOptionError */
export function assertLiftable(above: number): void {
  assertAtMost(maxCounter - room, above);
}

function assertAtMost(most: number, above: number): void {
  if (Number.isSafeInteger(above) && above >= 0 && above <= most) return;
  throw new InvalidOptionError(
    'above',
    `${above} is no fencing token`,
    'Pass the largest that the resource has accepted.',
  );
}
