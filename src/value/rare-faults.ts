import type { Clock } from './clock.js';
import { reportFault } from './events.js';

const pauseMs = 60_000;

/** Reports that one source is degraded once a minute for each way in which it is, however often that is met. */
export class RareFaults {
  /** When each may be said again, on the monotonic clock. */
  private readonly saysAt = new Map<string, number>();

  constructor(
    private readonly source: string,
    private readonly clock: Clock,
  ) {}

  /** @param way the same for each time that it is met; few of them. */
  degraded(way: string, message = way): void {
    const now = this.clock.monotonic();
    if (now < (this.saysAt.get(way) ?? -Infinity)) return;
    this.saysAt.set(way, now + pauseMs);
    reportFault({ source: this.source, kind: 'degraded', message });
  }
}
