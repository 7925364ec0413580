import { onCacheEvent } from '../../../src/value/events.js';
import type { CacheEventName, CacheEvents } from '../../../src/value/events.js';

/** Records events of one kind until it is stopped. */
export function recordEvents<E extends CacheEventName>(event: E): { stop(): CacheEvents[E][]; seen: CacheEvents[E][] } {
  const seen: CacheEvents[E][] = [];
  const stop = onCacheEvent(event, (message) => seen.push(message));
  return {
    seen,
    stop: () => {
      stop();
      return seen;
    },
  };
}
