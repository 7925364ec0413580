import type { MetaReply } from './meta-reply.js';
import type { ServerError } from './server-error.js';

/** A command without its CR LF, and its body, if it has one. */
export interface Command {
  readonly line: string;
  readonly body?: Uint8Array;
  /**
   * It is one of the older protocol, whose answer is a word without a number. A meta command of the same exchange follows it: an answer too many before
   * it ends the connection, and the exchange fails.
   */
  readonly isClassic?: true;
}

export type Reply = MetaReply | ServerError;

/**
 * What is said to a server in one or more round trips: each `yield` sends commands in one write over one connection, so that the server carries
 * them out in their order, though others' commands may come in between; it is resumed with their replies. It knows no socket, so that a test can
 * take it through every interleaving.
 */
export type Conversation<R> = Generator<readonly Command[], R, readonly Reply[]>;

/** The code of a reply; `ERROR` where the server could not. */
export const codeOf = (reply: Reply | undefined): string => (reply && 'code' in reply ? reply.code : 'ERROR');

/** The value of a reply that has one. */
export const valueOf = (reply: Reply | undefined): Buffer | undefined =>
  reply && 'code' in reply && reply.code === 'VA' ? reply.value : undefined;
