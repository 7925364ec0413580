import { types } from 'node:util';
import { RedisServerError } from '../redis-server-error.js';
import type { RedisReply } from './redis-driver.js';

/** A driver's reply, errors inside arrays translated. */
export function asReply(reply: unknown): RedisReply {
  if (Array.isArray(reply)) return reply.map(asReply);
  return types.isNativeError(reply) ? new RedisServerError(reply.message) : (reply as RedisReply);
}

/** Throws a driver's rejection: the server's words as RedisServerError, without the command that some drivers attach to it. */
export function rethrow(error: unknown): never {
  throw isServerWords(error) ? new RedisServerError(error.message) : error;
}

/**
 * The server's words begin with a word in capitals, `WRONGTYPE Operation against …`; the clients' own errors are sentences, and Node's have a code.
 * The classes' names would tell as well, but not in an application that was minified.
 */
export function isServerWords(error: unknown): error is Error {
  return types.isNativeError(error) && !('code' in error) && /^[A-Z][A-Z0-9_]+( |$)/.test(error.message);
}

/** Why a driver says that the connection has ended. */
export function reasonOf(error: unknown): string {
  const { message, code } = (error ?? {}) as { readonly message?: string; readonly code?: string };
  return message || code || 'the connection has ended';
}
