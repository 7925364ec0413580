import { RecursiveLoadError } from '../value/errors.js';
import type { Flight } from './flight.js';
import type { Wanted } from './wanted.js';

/**
 * The loads of one cache whose loaders run under leases, by key. Look-ups of a key in another codec, version or isolation are other flights, and wait
 * for its lease in the store:
 *
 * 1. A loads `k` as JSON, and holds its lease; 2. A's loader asks for `k` as text: B finds the lease taken, and waits for A; 3. A waits for B.
 */
export class LoadsUnderWay {
  private readonly flights = new Map<string, Set<Flight>>();

  /** Runs the load of these keys. */
  async during<R>(flight: Flight, loaded: readonly Wanted[], load: () => Promise<R>): Promise<R> {
    const leased = loaded.filter(({ lease }) => lease);
    for (const { key } of leased) this.of(key.id).add(flight);
    try {
      return await load();
    } finally {
      for (const { key } of leased) this.leave(key.id, flight);
    }
  }

  /**
   * Runs a flight's wait for what others load, and lets it be known that it waits for those of them that are loads of this process. A key among many is left
   * out: it lands by itself, and whoever waits for one of them does not wait for another.
   * @throws RecursiveLoadError when one of them waits, through whatever loaders, for the flight.
   */
  async waitedFor<R>(flight: Flight, waited: readonly Wanted[], wait: () => Promise<R>): Promise<R> {
    const others = new Set<Flight>();
    for (const { key, carrier } of waited) {
      if (carrier) continue;
      for (const other of this.flights.get(key.id) ?? []) {
        if (other.reaches(flight)) throw new RecursiveLoadError(key.text);
        others.add(other);
      }
    }
    // What no loader waits for has been lent no place, and passes none on.
    const lends = flight.loaders > 0;
    for (const other of others) {
      flight.dependsOn(other);
      if (lends) other.countLoader(1);
    }
    try {
      return await wait();
    } finally {
      for (const other of others) {
        flight.goesOnWithout(other);
        if (lends) other.countLoader(-1); // what it was lent through this flight is given back
      }
    }
  }

  private of(id: string): Set<Flight> {
    const there = this.flights.get(id);
    if (there) return there;
    const made = new Set<Flight>();
    this.flights.set(id, made);
    return made;
  }

  private leave(id: string, flight: Flight): void {
    const there = this.flights.get(id);
    there?.delete(flight);
    if (there?.size === 0) this.flights.delete(id);
  }
}
