import { types } from 'node:util';
import { RedisServerError } from '../redis-server-error.js';
import type { LinkAnswer, RedisReply } from './redis-driver.js';

/** A driver's reply, errors inside arrays translated. */
function asReply(reply: unknown): RedisReply {
  if (Array.isArray(reply)) return reply.map(asReply);
  return types.isNativeError(reply) ? new RedisServerError(reply.message) : (reply as RedisReply);
}

/** Hands what became of a driver's command on. */
export function answerWith(reply: Promise<unknown>, answer: LinkAnswer): void {
  reply.then(
    (value) => answer(undefined, asReply(value)),
    (error: unknown) => answer(translated(error), null),
  );
}

/** Throws a driver's rejection. */
export function rethrow(error: unknown): never {
  throw translated(error);
}

/** The server's words as RedisServerError, without the command that some drivers attach to it. */
function translated(error: unknown): unknown {
  return isServerWords(error) ? new RedisServerError(error.message) : error;
}

/**
 * The server's words begin with a word in capitals, `WRONGTYPE Operation against …`; the clients' own errors are sentences, and Node's have a code.
 * The classes' names would tell as well, but not in an application that was minified.
 */
export function isServerWords(error: unknown): error is Error {
  return types.isNativeError(error) && !('code' in error) && isServerAnswer(error.message);
}

/** Whether a server refuses in these words. */
export const isServerAnswer = (words: string): boolean => /^[A-Z][A-Z0-9_]+( |$)/.test(words);

/** Why a driver says that the connection has ended. */
export function reasonOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { readonly message?: string; readonly code?: string };
  return message || code || 'the connection has ended';
}
