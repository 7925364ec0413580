import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { onCacheEvent } from '../value/events.js';
import { setNewest } from '../value/set-newest.js';

const maxRunning = 10_000;
const maxKinds = 100;
const remembered = 8;

/**
 * How long sections under locks take in this process, by kind: the first part of the resource's name, so that `policy:a` and `policy:b` are of one
 * kind. What a lease says is when the right of its holder would end, which is long after most sections have.
 */
export class SeenSections {
  private readonly startedAt = new Map<string, number>();
  private readonly durationsMs = new Map<string, readonly number[]>();
  private readonly stops: (() => void)[];

  constructor(private readonly clock: Clock = systemClock) {
    this.stops = [
      onCacheEvent('lockAcquired', ({ resource }) => this.began(resource)),
      onCacheEvent('lockReleased', ({ resource }) => this.ended(resource)),
      onCacheEvent('lockLost', ({ resource }) => void this.startedAt.delete(resource)),
    ];
  }

  /** The longest of the last eight of the resource's kind; `undefined` when none was seen. Milliseconds. */
  longestOf(resource: string): number | undefined {
    const seen = this.durationsMs.get(kindOf(resource));
    return seen && Math.max(...seen);
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  private began(resource: string): void {
    setNewest(this.startedAt, maxRunning, resource, this.clock.monotonic());
  }

  private ended(resource: string): void {
    const startedAt = this.startedAt.get(resource);
    if (startedAt === undefined) return;
    this.startedAt.delete(resource);
    const kind = kindOf(resource);
    const last = (this.durationsMs.get(kind) ?? []).slice(1 - remembered);
    setNewest(this.durationsMs, maxKinds, kind, [...last, this.clock.monotonic() - startedAt]);
  }
}

const kindOf = (resource: string): string => resource.split(':', 1)[0] ?? resource;
