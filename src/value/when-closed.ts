import type { EventEmitter } from 'node:events';

/**
 * Calls `listener` once, when the response is closed. It is none of the ten listeners that a response may have before Node warns of a leak: Fastify and Nest have up to nine of them
 * for a stream, and the application has its own.
 */
export function whenClosed(response: EventEmitter, listener: () => void): void {
  const most = response.getMaxListeners();
  if (most > 0) response.setMaxListeners(most + 1); // 0: there is no limit
  response.once('close', listener);
}
