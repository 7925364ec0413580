import { SpanStatusCode } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import type { CacheEvents } from '../value/events.js';
import { soon } from '../value/turn.js';

type Load = CacheEvents['loadFinished'];

/** Writes one span per load, when it is over. A load of many keys is told key by key in one go, and is one span all the same. */
export class LoadSpans {
  private readonly untold = new Map<string, Load[]>();

  constructor(
    private readonly tracer: Tracer,
    private readonly showKeys: boolean,
    private readonly clock: Clock = systemClock,
  ) {}

  add(load: Load): void {
    const id = `${load.cache} ${load.durationMs}`;
    const told = this.untold.get(id);
    if (told) return void told.push(load);
    this.untold.set(id, [load]);
    const endedAt = this.clock.now();
    // Runs in the same context, hence in the trace of the one who began the load.
    soon(() => {
      const loads = this.untold.get(id) ?? [];
      this.untold.delete(id);
      this.write(load, loads, endedAt);
    });
  }

  private write({ cache, durationMs, error }: Load, loads: readonly Load[], endedAt: number): void {
    const span = this.tracer.startSpan('cache load', {
      startTime: endedAt - durationMs,
      attributes: {
        'cache.name': cache,
        'cache.keys': loads.length,
        ...(this.showKeys && { 'cache.key': loads.map(({ key }) => key) }),
      },
    });
    if (error !== undefined) {
      // Not its message: what a loader says may hold what it read.
      span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(endedAt);
  }
}
