import { onCacheEvent } from './events.js';
import type { CacheEvents } from './events.js';
import type { MissReason } from './lookup.js';
import { setNewest } from './set-newest.js';

type RefusalReason = CacheEvents['loadRefused']['reason'];

/** As many keys as can be between their event and whoever asks for it; older ones are forgotten. */
const maxKeys = 1_000;

/**
 * What the cache's events said last of a key: why a look-up missed, and why a finished load was not kept. A `getOrSet` tells its caller
 * neither, and the events of a load are published before its caller goes on.
 */
export class LoadNotes {
  private readonly misses = new Map<string, MissReason>();
  private readonly refusals = new Map<string, RefusalReason>();
  private readonly stops: (() => void)[];

  /** @param isOurs whether a key's text is one that will be asked for. */
  constructor(isOurs: (key: string) => boolean) {
    this.stops = [
      // An error that is held is no load.
      onCacheEvent('miss', ({ cache, key, reason }) => {
        if (reason !== 'failed' && isOurs(key)) setNewest(this.misses, maxKeys, nameOf(cache, key), reason);
      }),
      onCacheEvent('loadRefused', ({ cache, key, reason }) => {
        if (isOurs(key)) setNewest(this.refusals, maxKeys, nameOf(cache, key), reason);
      }),
    ];
  }

  /** Why this key was last missed. The second time it is asked for, nobody knows. */
  takeMiss(cache: string, key: string): MissReason | undefined {
    return take(this.misses, cache, key);
  }

  takeRefusal(cache: string, key: string): RefusalReason | undefined {
    return take(this.refusals, cache, key);
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}

const nameOf = (cache: string, key: string): string => `${cache}\0${key}`;

function take<R>(reasons: Map<string, R>, cache: string, key: string): R | undefined {
  const name = nameOf(cache, key);
  const reason = reasons.get(name);
  reasons.delete(name);
  return reason;
}
