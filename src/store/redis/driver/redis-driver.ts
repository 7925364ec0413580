import type { RedisAddress } from '../redis-address.js';
import type { TlsSettings } from '../../tls-settings.js';
import type { RedisCredentials } from '../redis-credentials.js';
import type { RedisServerError } from '../redis-server-error.js';

export type DriverName = 'built-in' | 'redis' | 'ioredis';

export type RedisArgument = string | Buffer;

/**
 * A reply of RESP2. Bulk strings are Buffers; a simple string such as `OK` is a string or a Buffer, as the driver has it: see `textOf`. An error inside
 * an array stands there as a RedisServerError.
 */
export type RedisReply = Buffer | string | number | null | RedisServerError | readonly RedisReply[];

/**
 * What is asked of a client of Redis, and all that is: one socket to one server, logged in. Its user keeps the deadlines. It never reconnects, never
 * sends a command twice, and keeps no command for later.
 */
export interface RedisDriver {
  readonly name: DriverName;
  /** Resolves to a link that is logged in and has selected its database. Rejects with why there is none; it never leaves a socket behind then. */
  connect(options: LinkOptions): Promise<RedisLink>;
}

export interface LinkOptions {
  readonly address: RedisAddress;
  readonly database: number;
  readonly credentials: RedisCredentials;
  readonly tls: TlsSettings | undefined;
  /** Aborts the attempt: its socket is reset, and `connect` rejects. */
  readonly signal: AbortSignal;
  /** Called once, when the link can no longer be used. Not called for an attempt that rejects. */
  readonly onEnd: (reason: string) => void;
}

/**
 * Called once per command, never during the call: with its reply; with RedisServerError where the server answers with an error; with anything else where the
 * link has ended.
 */
export type LinkAnswer = (error: unknown, reply: RedisReply) => void;

/** Is told of the items of a reply, each where it lies, before the reply is answered. */
export interface ItemsTaker {
  /** @param bytes hold the string from `start` to `end`, and are another's after the call. Null: nothing is there. */
  take(bytes: Buffer | null, start: number, end: number): void;
}

export interface RedisLink {
  /**
   * Sends one command after those sent before. Changes to `args` after the call are not defined.
   * @param items for a command that is answered by an array of strings, and has gathered all that was asked in its turn. A driver may pass it over; one that
   * doesn't answers with an empty array.
   */
  send(args: readonly RedisArgument[], answer: LinkAnswer, items?: ItemsTaker): void;
  /**
   * Listens to a channel, `sharded` as by SSUBSCRIBE; resolves when the server has confirmed it. A link that listens to one takes no other commands but PING.
   */
  subscribe(channel: string, sharded: boolean, listener: (message: Buffer) => void): Promise<void>;
  /** Ends that; resolves when the server has confirmed it. */
  unsubscribe(channel: string, sharded: boolean): Promise<void>;
  /** Bytes that the process has read from the socket so far. */
  bytesRead(): number;
  /** From now on its socket keeps the process alive, as one does at the beginning. */
  ref(): void;
  /** From now on it does not. */
  unref(): void;
  /** Gives the socket up: the kernel throws away what was not delivered. `onEnd` is not called any more. */
  reset(): void;
}
