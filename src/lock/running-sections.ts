import type { Clock } from '../value/clock.js';
import type { Lease } from './lease.js';

/** What a shutdown has to wait for: sections that run, and leases that were neither released nor lost nor handed over. */
export class RunningSections {
  private readonly held = new Set<Lease>();
  private sections = 0;
  private whenIdle: (() => void) | undefined;

  began(lease: Lease): void {
    this.held.add(lease);
  }

  ended(lease: Lease): void {
    this.held.delete(lease);
    this.settle();
  }

  async track<T>(section: Promise<T>): Promise<T> {
    this.sections++;
    try {
      return await section;
    } finally {
      this.sections--;
      this.settle();
    }
  }

  leases(): Lease[] {
    return [...this.held];
  }

  /** Resolves when nothing is left to wait for, after `limitMs` at the latest. */
  async idle(limitMs: number, clock: Clock): Promise<void> {
    const done = new AbortController();
    this.whenIdle = () => done.abort();
    this.settle();
    await clock.sleep(limitMs, done.signal);
  }

  private settle(): void {
    if (this.sections === 0 && this.leases().every(({ isHandedOver }) => isHandedOver)) this.whenIdle?.();
  }
}
