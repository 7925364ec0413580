import type { EventEmitter } from 'node:events';
import { nextTick } from './turn.js';

/**
 * Calls `listener` once, when the response is closed, or in the turn in which it has finished: a response of a serverless platform's adapter writes to no connection, and is never closed. It is
 * none of the ten listeners that a response may have before Node warns of a leak: Fastify and Nest have up to nine of them for a stream, and the application has its own.
 *
 * @returns how to stop listening.
 */
export function whenClosed(response: EventEmitter, listener: () => void): () => void {
  const most = response.getMaxListeners();
  if (most > 0) response.setMaxListeners(most + 1); // 0: there is no limit
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    listener();
  };
  // Node closes a response by a tick as well, which it asked for first.
  const endSoon = (): void => nextTick(end);
  response.once('close', end);
  response.once('finish', endSoon);
  return () => {
    isOver = true;
    response.off('close', end).off('finish', endSoon);
  };
}
