import { giveBackAll } from '../origin/fill-lease.js';
import type { FillLease } from '../origin/fill-lease.js';
import { InvalidOptionError } from '../value/errors.js';
import { onAbort } from '../value/on-abort.js';
import type { Flight } from './flight.js';
import { LoadPlace, LoadTurn } from './load-turn.js';

/**
 * The loaders of one cache that may run at once in this process. A load past the limit waits for its turn, in order of arrival, and what it
 * knows of the store is old by then: it asks again.
 *
 * Nobody waits for a place while holding a lease that others wait for. docs/decisions/0006-a-load-that-waits-for-its-turn-holds-no-lease.md says why.
 *
 * Within a process, what a running loader waits for has that loader's place:
 *
 * 1. A runs, and X waits for its turn; 2. A asks for X and joins that flight; 3. nothing ends before X has landed: it is lent A's place, and so
 * is what X waits for, such as the bulk that loads it. It runs at once.
 * 1. A runs and asks for Z, which nobody asked for; 2. Z is joined by A before it first asks for a place, and has been lent A's by then.
 */
export class LoadPlaces {
  private free: number;
  private readonly waiting = new Set<Flight>();

  /** @throws InvalidOptionError */
  constructor(limit: number) {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new InvalidOptionError(
        'maxConcurrentLoads',
        `${String(limit)} is not a number of loads`,
        'Give a whole number of 1 or more, or leave it out for no limit.',
      );
    }
    this.free = limit;
  }

  /**
   * A place for this flight, unless it has one. True: at once. False: it waited, and others may have loaded its keys meanwhile.
   * @param leases what it has won, given back if it has to wait.
   * @throws the signal's reason when all its callers left first.
   */
  async enter(flight: Flight, leases: readonly (FillLease | undefined)[] = []): Promise<boolean> {
    await Promise.resolve(); // a flight that a loader began has been joined by it from here on
    const turn = (flight.turn ??= new LoadTurn());
    if (turn.use()) return true;
    if (this.free > 0) {
      this.free--;
      flight.takePlace(this.newPlace());
      return turn.use();
    }
    await Promise.all([this.waitFor(flight, turn), giveBackAll(leases)]);
    flight.controller.signal.throwIfAborted();
    return false;
  }

  private waitFor(flight: Flight, turn: LoadTurn): Promise<void> {
    const { signal } = flight.controller;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = (): void => {
        this.waiting.delete(flight);
        turn.onPlace = undefined;
        reject(signal.reason);
      };
      const stopListening = onAbort(signal, leave);
      turn.onPlace = () => {
        this.waiting.delete(flight);
        turn.onPlace = undefined;
        turn.use();
        stopListening();
        resolve();
      };
      this.waiting.add(flight);
    });
  }

  private newPlace(): LoadPlace {
    return new LoadPlace(() => {
      const [next] = this.waiting;
      if (next) next.takePlace(this.newPlace());
      else this.free++;
    });
  }
}
