import type { Clock, Timer } from '../../value/clock.js';
import type { RedisAccess } from './redis-access.js';
import type { RedisConnection } from './redis-connection.js';

/** Doubled at each failure. */
const pauseMs = { first: 20, longest: 1_000 };

interface Listener {
  readonly channel: string;
  readonly slot: number;
  readonly wake: () => void;
}

/**
 * One connection that listens for the wake-ups of all feeds. It proves nothing: what it brings is that a feed is read now instead of at its interval. What
 * was published while nobody listened is made good by waking everybody after each confirmed subscription.
 */
export class RedisWakes {
  private readonly listeners = new Set<Listener>();
  private connection: RedisConnection | undefined;
  private connecting = false;
  private subscribed = new Set<string>();
  private failuresInRow = 0;
  private timer: Timer | undefined;
  private isClosed = true;

  constructor(
    private readonly access: RedisAccess,
    private readonly clock: Clock,
    /** False only in tests that show what is missed when nobody is woken after a new subscription. */
    private readonly wakesAnew = true,
  ) {}

  open(): void {
    this.isClosed = false;
    this.connectSoon();
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.connection?.end('it was closed');
  }

  /** Calls `wake` after each message, and after each confirmed subscription. Returns how to stop it. */
  listen(channel: string, slot: number, wake: () => void): () => void {
    const listener = { channel, slot, wake };
    this.listeners.add(listener);
    this.connectSoon();
    return () => void this.listeners.delete(listener);
  }

  private connectSoon(): void {
    if (this.isClosed || this.connecting || this.listeners.size === 0) return;
    this.connecting = true;
    queueMicrotask(() => void this.connect());
  }

  private async connect(): Promise<void> {
    try {
      if (!this.connection) {
        this.subscribed = new Set();
        this.connection = await this.access.ownConnection(this.nextSlot(), (ended) => this.hasLost(ended));
      }
      for (;;) {
        const { connection } = this;
        const listener = [...this.listeners].find(({ channel }) => !this.subscribed.has(channel));
        if (!connection || !listener) break;
        const { channel } = listener;
        await connection.subscribe(channel, false, () => this.wake(channel));
        this.subscribed.add(channel);
        if (this.wakesAnew) this.wake(channel);
      }
      this.failuresInRow = 0;
    } catch {
      // The feeds are read at their interval all the same.
      this.connection?.end('no subscription');
      this.connection = undefined;
      this.failuresInRow++;
    }
    this.connecting = false;
    if (!this.connection) this.connectLater();
    else if ([...this.listeners].some(({ channel }) => !this.subscribed.has(channel))) this.connectSoon();
  }

  private hasLost(ended: RedisConnection): void {
    if (this.connection !== ended) return;
    this.connection = undefined;
    if (!this.connecting) this.connectLater();
  }

  private connectLater(): void {
    if (this.isClosed) return;
    const delayMs = Math.min(pauseMs.first * 2 ** this.failuresInRow, pauseMs.longest);
    this.timer?.cancel();
    this.timer = this.clock.after(delayMs, () => this.connectSoon());
  }

  private wake(channel: string): void {
    for (const listener of this.listeners) if (listener.channel === channel) listener.wake();
  }

  /** Any node of a Cluster will do: each hands on what is published at another. One that is away must not be the only one that is tried. */
  private nextSlot(): number {
    const slots = [...this.listeners].map(({ slot }) => slot);
    return slots[this.failuresInRow % slots.length] ?? 0;
  }
}
