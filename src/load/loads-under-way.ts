import { RecursiveLoadError } from '../value/errors.js';
import type { Flight } from './flight.js';
import type { Wanted } from './wanted.js';

type FlightsOfKeys = Map<string, Set<Flight>>;

/**
 * The loads of one cache whose loaders run under leases, and the flights that wait for those leases, by key. Look-ups of a key in another codec, version or
 * isolation are other flights, and wait for its lease in the store:
 *
 * 1. A loads `k` as JSON, and holds its lease; 2. A's loader asks for `k` as text: B finds the lease taken, and waits for A; 3. A waits for B.
 * 1. B waits for the lease of `k`, which another process holds, or A, whose loader has not begun; 2. A's loader begins: B waits for A from here on;
 * 3. A's loader asks for `k` as text, and joins B.
 */
export class LoadsUnderWay {
  private readonly loading: FlightsOfKeys = new Map();
  private readonly waiting: FlightsOfKeys = new Map();

  /** Runs the load of these keys. Flights that wait for one of them, by now or later, wait for it. */
  async during<R>(flight: Flight, loaded: readonly Wanted[], load: () => Promise<R>): Promise<R> {
    const leased = loaded.filter(({ lease }) => lease);
    for (const { key } of leased) {
      enter(this.loading, key.id, flight);
      for (const one of of(this.waiting, key.id)) if (!flight.reaches(one)) one.dependsOn(flight);
    }
    try {
      return await load();
    } finally {
      for (const { key } of leased) {
        leave(this.loading, key.id, flight);
        for (const one of of(this.waiting, key.id)) one.goesOnWithout(flight);
      }
    }
  }

  /**
   * Runs a flight's wait for what others load, and lets it be known that it waits for those of them that are loads of this process. A key among many is left
   * out: it lands by itself, and whoever waits for one of them does not wait for another.
   * @throws RecursiveLoadError when one of them waits, through whatever loaders, for the flight.
   */
  async waitedFor<R>(flight: Flight, waited: readonly Wanted[], wait: () => Promise<R>): Promise<R> {
    const alone = waited.filter(({ carrier }) => !carrier);
    for (const { key } of alone) {
      for (const other of of(this.loading, key.id)) if (other.reaches(flight)) throw new RecursiveLoadError(key.text);
    }
    for (const { key } of alone) {
      enter(this.waiting, key.id, flight);
      for (const other of of(this.loading, key.id)) flight.dependsOn(other);
    }
    try {
      return await wait();
    } finally {
      for (const { key } of alone) {
        leave(this.waiting, key.id, flight);
        for (const other of of(this.loading, key.id)) flight.goesOnWithout(other);
      }
    }
  }
}

function of(flights: FlightsOfKeys, id: string): Iterable<Flight> {
  return flights.get(id) ?? none;
}

function enter(flights: FlightsOfKeys, id: string, flight: Flight): void {
  flights.set(id, (flights.get(id) ?? new Set<Flight>()).add(flight));
}

function leave(flights: FlightsOfKeys, id: string, flight: Flight): void {
  const there = flights.get(id);
  there?.delete(flight);
  if (there?.size === 0) flights.delete(id);
}

const none: readonly Flight[] = [];
