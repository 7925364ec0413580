import { onCacheEvent } from '../../src/value/events.js';

/**
 * Resolves when the caches of this name have read the log of invalidations completely, by a reading that began after the call: the first reading that ends
 * may have begun before.
 *
 * @param caches how many caches of this process bear the name. Default 1.
 */
export function logRead(name: string, caches = 1): Promise<void> {
  let left = 2 * caches;
  return new Promise((resolve) => {
    const stop = onCacheEvent('logRead', ({ cache, answered }) => {
      if (cache !== name || !answered) return;
      if (--left > 0) return;
      stop();
      resolve();
    });
  });
}
