import type { Clock } from '../../value/clock.js';
import { RareFaults } from '../../value/rare-faults.js';
import type { ItemAnswer } from '../item-ask.js';
import { isBareMiss } from './meta-reply.js';
import type { MetaReply } from './meta-reply.js';

/** No connection has it: a write and a removal by such a revision change nothing. */
const noSession = -1;

const full =
  'The server has no room for another entry (out of memory): what it does not hold is loaded by each that asks, and not stored; what it holds is still read, and invalidations go on. Give it more memory (-m); where it was started with -M, give entries a server that evicts, and locks one of their own.';

/** What a question is told whose key is absent and could be given no stub: whoever asked loads, and its fill is refused. */
export class NoStub {
  private readonly faults: RareFaults;

  constructor(source: string, clock: Clock) {
    this.faults = new RareFaults(source, clock);
  }

  /** @param reply `EN`. */
  answer(reply: MetaReply): ItemAnswer {
    // A disk that has the value no more says nothing of the room: the next one that asks finds the key absent.
    if (!isBareMiss(reply)) this.reportFull();
    const revision = { session: noSession, revision: 0 };
    return { bytes: Buffer.alloc(0), start: 0, end: 0, ageMs: undefined, won: true, ...revision };
  }

  /** Each absent key and each write would say it. */
  reportFull(): void {
    this.faults.degraded(full);
  }
}
