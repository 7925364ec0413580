import type { Clock } from '../value/clock.js';
import type { Lease } from './lease.js';

/** What a shutdown has to wait for: acquisitions, sections, and leases that were neither released nor lost nor handed over. */
export class RunningSections {
  private readonly held = new Set<Lease>();
  private underWay = 0;
  /** Aborted when nothing is left to wait for. */
  private idling: AbortController | undefined;

  began(lease: Lease): void {
    this.held.add(lease);
  }

  ended(lease: Lease): void {
    this.held.delete(lease);
    this.settle();
  }

  /** @param work an acquisition, or a section. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.underWay++;
    try {
      return await work;
    } finally {
      this.underWay--;
      this.settle();
    }
  }

  leases(): Lease[] {
    return [...this.held];
  }

  /** Resolves when nothing is left to wait for, after `limitMs` at the latest. */
  async idle(limitMs: number, clock: Clock): Promise<void> {
    const { signal } = (this.idling ??= new AbortController());
    this.settle();
    await clock.sleep(limitMs, signal);
  }

  /** Looks whether something is left to wait for. */
  settle(): void {
    if (!this.idling || this.underWay > 0 || !this.leases().every(({ isHandedOver }) => isHandedOver)) return;
    this.idling.abort();
    this.idling = undefined;
  }
}
