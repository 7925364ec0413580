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

  /**
   * @param perMs by so much generations that begin at the clock grow in a millisecond.
   * @param maxFloors the one that was seen longest ago goes first.
   */
  constructor(
    private readonly clock: { now(): number },
    private readonly perMs: number,
    private readonly maxFloors: number,
  ) {}

  /** 0: none is known. */
  of(name: string): number {
    return this.floors.get(name) ?? 0;
  }

  remember(name: string, generation: number): void {
    if (generation > (this.clock.now() + mostAheadMs) * this.perMs) return;
    const floor = Math.max(generation, this.of(name));
    this.floors.delete(name);
    this.floors.set(name, floor);
    if (this.floors.size <= this.maxFloors) return;
    const [oldest] = this.floors.keys();
    if (oldest !== undefined) this.floors.delete(oldest);
  }
}
