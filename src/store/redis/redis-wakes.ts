import type { Clock, Timer } from '../../value/clock.js';
import { setImmediate } from '../../value/turn.js';
import type { RedisAccess } from './redis-access.js';
import { RedisSubscriber } from './redis-subscriber.js';

/** @param message what was published; nothing where a subscription was confirmed. */
type Wake = (message: string) => void;

interface Listened {
  readonly slot: number;
  readonly wakes: Set<Wake>;
  /** Of the server that publishes it; undefined while nobody knows which one that is. */
  home: string | undefined;
}

export interface WakeProtections {
  /** False only in tests that show what is missed when nobody is woken after a new subscription. */
  readonly wakesAnew?: boolean;
  /** False only in tests that show how long a connection is listened to that brings nothing any more. */
  readonly pings?: boolean;
}

/** How often channels are looked for whose slot has moved to another server. */
const lookMs = 500;

/**
 * Listens for wake-ups: of feeds, and of items that somebody waits for. They prove nothing: what they bring is that the store is asked now instead of at
 * an interval. What was published while nobody listened is made good by a wake-up after each confirmed subscription.
 *
 * In a Cluster, channels belong to slots as keys do (SSUBSCRIBE), so that a message is not sent to every node: one connection per node that has some.
 */
export class RedisWakes {
  private readonly listened = new Map<string, Listened>();
  private readonly subscribers = new Map<string, RedisSubscriber>();
  private timer: Timer | undefined;
  private isClosed = true;

  constructor(
    private readonly access: RedisAccess,
    private readonly clock: Clock,
    private readonly protections: WakeProtections = {},
  ) {}

  open(): void {
    if (!this.isClosed) return;
    this.isClosed = false;
    this.settle();
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const subscriber of this.subscribers.values()) subscriber.close();
    this.subscribers.clear();
    for (const each of this.listened.values()) each.home = undefined;
  }

  /** Calls `wake` after each message, and after each confirmed subscription. Returns how to stop it. */
  listen(channel: string, slot: number, wake: Wake): () => void {
    let listened = this.listened.get(channel);
    if (listened) {
      listened.wakes.add(wake);
      // What came before its subscription was confirmed is known to the others only.
      if (listened.home !== undefined) setImmediate(wake, '');
    } else {
      listened = { slot, wakes: new Set([wake]), home: undefined };
      this.listened.set(channel, listened);
      if (!this.isClosed) this.place(channel, listened);
    }
    const { wakes } = listened;
    return () => {
      wakes.delete(wake);
      if (wakes.size === 0) this.forget(channel);
    };
  }

  /** Gives a channel to the one who listens to its server, or takes it from whoever did before its slot moved. */
  private place(channel: string, listened: Listened): void {
    const home = this.access.homeOf(listened.slot);
    if (home === listened.home) return;
    if (listened.home !== undefined) this.subscribers.get(listened.home)?.remove(channel);
    listened.home = home;
    if (home === undefined) return this.findHome(listened.slot);
    let subscriber = this.subscribers.get(home);
    if (!subscriber) {
      const { wakesAnew = true, pings = true } = this.protections;
      const { access, clock } = this;
      subscriber = new RedisSubscriber({
        access,
        home,
        clock,
        wake: (woken, message) => this.wake(woken, message),
        wakesAnew,
        pings,
      });
      this.subscribers.set(home, subscriber);
    }
    subscriber.add(channel, listened.slot);
  }

  /** Nobody knows yet who has the slots: connecting to any of them tells. */
  private findHome(slot: number): void {
    this.access.connected(slot).then(
      () => !this.isClosed && this.placeAll(),
      () => undefined,
    );
  }

  private placeAll(): void {
    for (const [channel, listened] of this.listened) this.place(channel, listened);
    for (const [home, subscriber] of this.subscribers) {
      if (!subscriber.isIdle) continue;
      subscriber.close();
      this.subscribers.delete(home);
    }
  }

  private settle(): void {
    this.placeAll();
    if (!this.access.isSharded) return;
    this.timer = this.clock.after(lookMs, () => this.settle());
  }

  private forget(channel: string): void {
    const listened = this.listened.get(channel);
    this.listened.delete(channel);
    if (listened?.home !== undefined) this.subscribers.get(listened.home)?.remove(channel);
  }

  private wake(channel: string, message: string): void {
    for (const wake of this.listened.get(channel)?.wakes ?? []) wake(message);
  }
}
