import { onCacheEvent } from '../value/events.js';
import type { CacheEventName, CacheEvents } from '../value/events.js';

/** An event with its name. */
export type RecordedEvent = { [E in CacheEventName]: CacheEvents[E] & { readonly event: E } }[CacheEventName];

/**
 * Records what all caches and locks of this process publish, until `stop`. Assert `transcript` to pin what happened, and `of` for the details.
 *
 * @example
 * const events = recordEvents('hit', 'miss', 'loadStarted');
 * await courses.find('a');
 * expect(events.transcript).toEqual(['miss', 'loadStarted']);
 */
export class EventRecorder {
  private readonly recorded: RecordedEvent[] = [];
  private readonly stops: (() => void)[];

  constructor(names: readonly CacheEventName[]) {
    this.stops = names.map((event) =>
      onCacheEvent(event, (message) => void this.recorded.push({ ...message, event } as RecordedEvent)),
    );
  }

  /** In the order they were published. */
  get all(): readonly RecordedEvent[] {
    return this.recorded;
  }

  /** The names in order: what happened, without the details. */
  get transcript(): CacheEventName[] {
    return this.recorded.map(({ event }) => event);
  }

  of<E extends CacheEventName>(event: E): (CacheEvents[E] & { readonly event: E })[] {
    const found: readonly { readonly event: CacheEventName }[] = this.recorded.filter((one) => one.event === event);
    return found as (CacheEvents[E] & { readonly event: E })[];
  }

  clear(): void {
    this.recorded.length = 0;
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}

/** Begins to record the events of these names. Stop it when the test ends. */
export function recordEvents(...names: readonly [CacheEventName, ...CacheEventName[]]): EventRecorder {
  return new EventRecorder(names);
}
