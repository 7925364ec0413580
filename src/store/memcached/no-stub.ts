import type { Clock } from '../../value/clock.js';
import { reportFault } from '../../value/events.js';
import type { ItemAnswer } from '../item-ask.js';
import { isBareMiss } from './meta-reply.js';
import type { MetaReply } from './meta-reply.js';

const pauseMs = 60_000;
/** No connection has it: a write and a removal by such a revision change nothing. */
const noSession = -1;

/** What a question is told whose key is absent and could be given no stub: whoever asked loads, and its fill is refused. */
export class NoStub {
  private saysFullAt = -Infinity;

  constructor(
    private readonly source: string,
    private readonly clock: Clock,
  ) {}

  /** @param reply `EN`. */
  answer(reply: MetaReply): ItemAnswer {
    // A disk that has the value no more says nothing of the room: the next one that asks finds the key absent.
    if (!isBareMiss(reply)) this.reportFull();
    const revision = { session: noSession, revision: 0 };
    return { bytes: Buffer.alloc(0), start: 0, end: 0, ageMs: undefined, won: true, ...revision };
  }

  /** Once a minute: each absent key and each write would say it. */
  reportFull(): void {
    const now = this.clock.monotonic();
    if (now < this.saysFullAt) return;
    this.saysFullAt = now + pauseMs;
    const message =
      'The server has no room for another entry (out of memory): what it does not hold is loaded by each that asks, and not stored; what it holds is still read, and invalidations go on. Give it more memory (-m); where it was started with -M, give entries a server that evicts, and locks one of their own.';
    reportFault({ source: this.source, kind: 'degraded', message });
  }
}
