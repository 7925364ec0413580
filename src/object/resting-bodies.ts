import type { Clock } from '../value/clock.js';

/** Bodies of one client that nobody reads for the moment. Each holds a connection, and a client has so many: 50, if nobody says otherwise. */
export class RestingBodies {
  /** What lets go of the connection of each, and since when it rests: the longest first. */
  private readonly since = new Map<() => void, number>();

  add(letGo: () => void, clock: Clock): void {
    this.since.set(letGo, clock.monotonic());
  }

  delete(letGo: () => void): void {
    this.since.delete(letGo);
  }

  /** Frees the connection of the one that has rested longest, if it has for so long. It goes on at the next byte, on another one, once it is read. */
  letGoOfOne(restedMs: number, clock: Clock): void {
    const [longest] = this.since;
    if (!longest || clock.monotonic() - longest[1] < restedMs) return;
    this.since.delete(longest[0]);
    longest[0]();
  }
}
