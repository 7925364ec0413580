import type { SimulatedHost } from './simulated-host.js';

/** Something that is under way, and happens when it is chosen. */
export interface Step {
  /** Its text, and how many were called so before it: the same in every telling of one story. */
  readonly id: string;
  /** `P0 -> write n:1::k`, `P0 <- write n:1::k`, or what a pause is called. */
  readonly what: string;
  readonly host: SimulatedHost;
  readonly way: 'command' | 'answer' | 'pause';
  /** The place of its shard in the store's list. */
  readonly shard?: number;
  readonly happen: () => void | Promise<void>;
  /** What its sender learns when it is lost, which may be nothing. */
  readonly lose?: () => void;
  /** The command as it would arrive once more, its answer going nowhere. */
  readonly again?: () => Promise<unknown>;
}

/** What can't pass between a process and a shard. */
export type Direction = 'commands' | 'answers';

export interface SimulatedNetworkOptions {
  /** Is told of each step that happens, is lost or is repeated. */
  readonly note: (line: string, step: Step) => void;
  /**
   * `whole`: an invalidation is one transaction, as in Redis. `in parts`: its changes, its records and its changes again arrive one after the
   * other, and others may act in between, as in memcached. Default `whole`.
   */
  readonly invalidations?: 'whole' | 'in parts';
  /**
   * After so many milliseconds a command that was not answered rejects. Then it arrives no more, and what it has changed stays. Default Infinity: it
   * waits until it is answered, and rejects at once where it is lost.
   */
  readonly commandTimeoutMs?: number;
  /** Is told of each command that was given up after that time. */
  readonly onTimeout?: (what: string) => void;
}

/** What a command needs of the network that it goes over. */
export interface Wire {
  readonly options: SimulatedNetworkOptions;
  /** Whether something can pass in this direction now. */
  passes(host: SimulatedHost, shard: number, direction: Direction): boolean;
  add(step: Omit<Step, 'id'>): Step;
  take(step: Step): void;
}
