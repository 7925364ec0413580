import type { Clock } from '../value/clock.js';
import { StoreUnavailableError } from '../value/errors.js';
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
      return this.made();
    }
    const handed = await this.wait(giveUpAt, signal);
    if (!handed) return this.made();
    if (!handed.hasEnded) return handed;
    return this.made();
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

  private wait(giveUpAt: number, signal: AbortSignal | undefined): Promise<RedisConnection | undefined> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const at = this.waiting.indexOf(waiter);
        if (at >= 0) this.waiting.splice(at, 1);
        timer.cancel();
        signal?.removeEventListener('abort', abort);
      };
      const waiter: Waiter = (connection) => {
        leave();
        resolve(connection);
      };
      const abort = (): void => {
        leave();
        reject(signal?.reason);
      };
      const timer = this.clock.after(Math.max(0, giveUpAt - this.clock.monotonic()), () => {
        leave();
        reject(
          new StoreUnavailableError(
            this.name,
            `none of the ${this.size} connections for transactions was free in time`,
          ),
        );
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.waiting.push(waiter);
    });
  }
}
