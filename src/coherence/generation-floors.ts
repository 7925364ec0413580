/** Generations begin at the microseconds. */
export const perMs = 1_000;
/** A stamp changes now and then, and may change back. The one that was seen longest ago goes first. */
const maxFloors = 16;
/** Further ahead of the clock than this, a number is none that a process began at its clock. */
const mostAheadMs = 24 * 3_600_000;

/**
 * The largest generations that this process has seen. The store may show a smaller one later: an older list was put back, or its last change was lost. What
 * was made under the smaller one has been cleared or invalidated since.
 *
 * A number far ahead of the clock is no floor: whoever can write to the store could set one that nobody can go above.
 */
export class GenerationFloors {
  private readonly floors = new Map<string, number>();

  constructor(private readonly clock: { now(): number }) {}

  /** 0: none is known. */
  of(name: string): number {
    return this.floors.get(name) ?? 0;
  }

  remember(name: string, generation: number): void {
    if (generation > (this.clock.now() + mostAheadMs) * perMs) return;
    const floor = Math.max(generation, this.of(name));
    this.floors.delete(name);
    this.floors.set(name, floor);
    if (this.floors.size <= maxFloors) return;
    const [oldest] = this.floors.keys();
    if (oldest !== undefined) this.floors.delete(oldest);
  }
}
