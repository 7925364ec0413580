import { onCacheEvent } from '../../src/value/events.js';
import type { CacheEventName, CacheEvents } from '../../src/value/events.js';

export type RecordedEvent = { [E in CacheEventName]: CacheEvents[E] & { readonly event: E } }[CacheEventName];

export interface RecordedEvents {
  /** In the order they were published. */
  readonly all: readonly RecordedEvent[];
  of<E extends CacheEventName>(event: E): (CacheEvents[E] & { readonly event: E })[];
  /** The names in order: what happened, without the details. */
  readonly transcript: readonly CacheEventName[];
  clear(): void;
  stop(): void;
}

/** Records what is published on these channels until `stop`. */
export function recordEvents(...names: readonly [CacheEventName, ...CacheEventName[]]): RecordedEvents {
  const all: RecordedEvent[] = [];
  const stops = names.map((event) =>
    onCacheEvent(event, (message) => void all.push({ ...message, event } as RecordedEvent)),
  );
  return {
    all,
    of: <E extends CacheEventName>(event: E) =>
      all.filter((recorded) => recorded.event === event) as unknown as (CacheEvents[E] & { readonly event: E })[],
    get transcript() {
      return all.map(({ event }) => event);
    },
    clear: () => void all.splice(0),
    stop: () => stops.forEach((stop) => stop()),
  };
}
