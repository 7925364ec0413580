import type { Clock } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { onAbort } from '../value/on-abort.js';
import type { RedisConnection } from '../store/redis/redis-connection.js';

/** Hands out connections that transactions run on. What a connection watches is its own: one that is shared would lose another's watch. */
export interface TransactionConnections {
  /** @param giveUpAt monotonic milliseconds. @throws StoreUnavailableError where none is free by then, or none can be made. */
  take(giveUpAt: number, signal: AbortSignal | undefined): Promise<RedisConnection>;
  /** Back, watching nothing. One that has ended is let go. */
  give(connection: RedisConnection): void;
  close(): void;
}

type Waiter = (connection: RedisConnection | undefined) => void;

/** At most so many connections, made when they are needed, one transaction at a time on each. */
export class ConnectionPool implements TransactionConnections {
  private readonly idle: RedisConnection[] = [];
  private readonly waiting: Waiter[] = [];
  private places: number;

  constructor(
    private readonly name: string,
    private readonly size: number,
    private readonly connect: () => Promise<RedisConnection>,
    private readonly clock: Clock,
  ) {
    this.places = size;
  }

  async take(giveUpAt: number, signal: AbortSignal | undefined): Promise<RedisConnection> {
    signal?.throwIfAborted();
    for (let idle = this.idle.pop(); idle; idle = this.idle.pop()) {
      if (!idle.hasEnded) return idle;
      this.places++;
    }
    if (this.places > 0) {
      this.places--;
      return this.madeInTime(giveUpAt, signal);
    }
    const handed = await this.wait(giveUpAt, signal);
    return handed?.hasEnded === false ? handed : this.madeInTime(giveUpAt, signal);
  }

  give(connection: RedisConnection): void {
    const waiter = this.waiting.shift();
    const usable = connection.hasEnded ? undefined : connection;
    // The place goes on with the connection, or without one: whoever gets it makes another.
    if (waiter) waiter(usable);
    else if (usable) this.idle.push(usable);
    else this.places++;
  }

  close(): void {
    for (const connection of this.idle.splice(0)) {
      connection.end('it was closed');
      this.places++;
    }
  }

  /** A connection on a place that is taken already. The place is free again where it can't be made. */
  private async made(): Promise<RedisConnection> {
    try {
      return await this.connect();
    } catch (error) {
      const waiter = this.waiting.shift();
      if (waiter) waiter(undefined);
      else this.places++;
      throw error;
    }
  }

  /** What is made after the transaction has given up goes to the next. */
  private madeInTime(giveUpAt: number, signal: AbortSignal | undefined): Promise<RedisConnection> {
    return new Promise((resolve, reject) => {
      let isTooLate = false;
      const stop = this.whenGivenUp(giveUpAt, signal, (reason) => {
        isTooLate = true;
        reject(reason);
      });
      this.made().then(
        (connection) => {
          if (isTooLate) return this.give(connection);
          stop();
          resolve(connection);
        },
        (error: unknown) => {
          stop();
          reject(error);
        },
      );
    });
  }

  private wait(giveUpAt: number, signal: AbortSignal | undefined): Promise<RedisConnection | undefined> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = (connection) => {
        stop();
        resolve(connection);
      };
      const stop = this.whenGivenUp(giveUpAt, signal, (reason) => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        reject(reason);
      });
      this.waiting.push(waiter);
    });
  }

  /** Tells why, once the time is up or the signal aborts. @returns ends that. */
  private whenGivenUp(giveUpAt: number, signal: AbortSignal | undefined, tell: (reason: unknown) => void): () => void {
    const abort = (): void => {
      stop();
      tell(signal?.reason);
    };
    const timer = this.clock.after(Math.max(0, giveUpAt - this.clock.monotonic()), () => {
      stop();
      const problem = `none of the ${this.size} connections for transactions was free or made in time`;
      tell(new StoreUnavailableError(this.name, problem));
    });
    const stop = (): void => {
      timer.cancel();
      stopListening?.();
    };
    const stopListening = signal && onAbort(signal, abort);
    return stop;
  }
}
