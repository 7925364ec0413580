import type { Clock, Timer } from '../../value/clock.js';
import { soon } from '../../value/turn.js';
import type { RedisAccess } from './redis-access.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisServerError } from './redis-server-error.js';

export interface SubscriberSettings {
  readonly access: RedisAccess;
  /** Whose channels these are, as the access names it. */
  readonly home: string;
  readonly clock: Clock;
  /** Called after each message, and after each confirmed subscription: what was published before it is made good. */
  readonly wake: (channel: string, message: string) => void;
  /** False only in tests that show what is missed when nobody is woken after a new subscription. */
  readonly wakesAnew: boolean;
  /** False only in tests that show how long a connection is listened to that brings nothing any more. */
  readonly pings: boolean;
}

/** Doubled at each failure. */
const pauseMs = { first: 20, longest: 1_000 };
/** How often the server is asked whether it is still there. Nothing comes by itself over a connection that was lost without a word. */
const pingMs = 1_000;

/** One connection that listens to channels of one server, made anew when it was lost. */
export class RedisSubscriber {
  /** Channel to its slot. */
  private readonly wanted = new Map<string, number>();
  private readonly subscribed = new Set<string>();
  private connection: RedisConnection | undefined;
  private isBusy = false;
  /** What is wanted, or the connection, has changed since it was looked at last. */
  private isDue = false;
  private failuresInRow = 0;
  private timer: Timer | undefined;
  private pingTimer: Timer | undefined;
  private isClosed = false;

  constructor(private readonly settings: SubscriberSettings) {}

  get isIdle(): boolean {
    return this.wanted.size === 0;
  }

  add(channel: string, slot: number): void {
    this.wanted.set(channel, slot);
    this.agreeSoon();
  }

  remove(channel: string): void {
    this.wanted.delete(channel);
    this.agreeSoon();
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.connection?.end('it was closed');
  }

  private agreeSoon(): void {
    this.isDue = true;
    if (this.isClosed || this.isBusy) return;
    this.isBusy = true;
    soon(() => void this.agree());
  }

  /** Until the server sends what is wanted, and nothing else. */
  private async agree(): Promise<void> {
    try {
      // Asked and answered in one turn: what changes after the last look begins anew.
      while (!this.isClosed && this.isDue) {
        this.isDue = false;
        await this.agreeOnce();
      }
      this.failuresInRow = 0;
    } catch {
      // Whoever waits for a wake-up looks at intervals all the same.
      this.failuresInRow++;
      this.agreeLater();
    }
    this.isBusy = false;
    if (this.isClosed) this.connection?.end('it was closed');
  }

  private async agreeOnce(): Promise<void> {
    const surplus = [...this.subscribed].filter((channel) => !this.wanted.has(channel));
    if (this.isIdle && surplus.length === 0) return;
    const connection = this.connection ?? (this.isIdle ? undefined : await this.connect());
    if (!connection) return;
    const missing = [...this.wanted].filter(([channel]) => !this.subscribed.has(channel));
    await Promise.all([
      ...missing.map(([channel, slot]) => this.subscribe(connection, channel, slot)),
      ...surplus.map(async (channel) => {
        this.subscribed.delete(channel);
        await connection.unsubscribe(channel, this.settings.access.isSharded);
      }),
    ]);
  }

  private async connect(): Promise<RedisConnection> {
    const { access, home } = this.settings;
    // A slot that has moved stays among these until RedisWakes looks for such. It leads to another server.
    const slot = [...this.wanted.values()].find((each) => access.homeOf(each) === home);
    if (slot === undefined) throw new Error('all its slots have moved');
    const connection = await access.ownConnection(slot, (ended) => this.hasLost(ended));
    this.connection = connection;
    this.subscribed.clear();
    this.pingLater(connection);
    return connection;
  }

  private async subscribe(connection: RedisConnection, channel: string, slot: number): Promise<void> {
    const { access, home, wake, wakesAnew } = this.settings;
    try {
      await connection.subscribe(channel, access.isSharded, (message) => wake(channel, message.toString('latin1')));
    } catch (error) {
      // Another server has the slot by now, or this one does not permit it.
      if (error instanceof RedisServerError) {
        access.learn(error, slot);
        // The connection leads to another server: the slot that it was made for moved meanwhile.
        if (error.code === 'MOVED' && access.homeOf(slot) === home)
          connection.end('it is not the server of its channels');
      }
      throw error;
    }
    this.subscribed.add(channel);
    if (wakesAnew) wake(channel, '');
  }

  private hasLost(ended: RedisConnection): void {
    if (this.connection !== ended) return;
    this.connection = undefined;
    this.subscribed.clear();
    this.pingTimer?.cancel();
    if (this.isBusy) this.isDue = true;
    else this.agreeLater();
  }

  private agreeLater(): void {
    if (this.isClosed) return;
    const delayMs = Math.min(pauseMs.first * 2 ** this.failuresInRow, pauseMs.longest);
    this.timer?.cancel();
    this.timer = this.settings.clock.after(delayMs, () => this.agreeSoon());
  }

  /** A server that leaves one without an answer for a deadline is silent: the connection ends, and a new one is made. */
  private pingLater(connection: RedisConnection): void {
    if (!this.settings.pings) return;
    this.pingTimer = this.settings.clock.after(pingMs, () => {
      connection.ask(['PING']).then(
        () => this.connection === connection && this.pingLater(connection),
        () => connection.end('it does not answer a ping'),
      );
    });
  }
}
