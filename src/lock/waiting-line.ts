import { systemRandom } from '../value/chance.js';
import type { Clock } from '../value/clock.js';
import { onAbort } from '../value/on-abort.js';
import type { Approach, Attempt, Refusal } from './attempt.js';
import { PollPace } from './poll-pace.js';
import { Waiter } from './waiter.js';

interface Line {
  readonly waiters: Waiter[];
  /** What the first of the line found last: the answer of those whose time is up before it is their turn. Undefined: the store has answered nobody yet. */
  seen: Refusal | undefined;
  /** One pace for all who stand in it: a new first one does not begin anew. */
  readonly pace: PollPace;
  /** The lock was released in this process since the last try. */
  freed: boolean;
  handedOn: number;
  /** The next pause is for the others' sake. */
  resting: boolean;
}

/** After so many hand-overs inside this process the next one here waits a little, which gives other processes their chance. */
const maxHandedOn = 16;
const restMs = 25;

/**
 * Those of this process who wait for a lock stand in line, in the order they came. The first asks the store, at the pace of `PollPace`; the others
 * cost it nothing. Who releases the lock in this process wakes the first.
 */
export class WaitingLine {
  private readonly lines = new Map<string, Line>();

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number = systemRandom,
  ) {}

  /**
   * Resolves with what `attempt` gives, as soon as that is not `held`; with the last answer at `until`, on the monotonic clock. Where nobody in the line has an
   * answer by then, with the first there is.
   * @throws the signal's reason when it aborts.
   */
  async wait(
    lockKey: string,
    attempt: (approach: Approach) => Promise<Attempt>,
    until: number,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
    const line = this.lineFor(lockKey);
    const waiter = new Waiter(this.clock);
    line.waiters.push(waiter);
    const stopListening = signal && !signal.aborted ? onAbort(signal, () => waiter.rouse()) : undefined;
    try {
      return await this.standInLine(line, waiter, attempt, until, signal);
    } finally {
      stopListening?.();
      this.leave(lockKey, line, waiter);
    }
  }

  /** The lock was released in this process. */
  released(lockKey: string): void {
    const line = this.lines.get(lockKey);
    if (!line) return;
    line.handedOn = (line.handedOn + 1) % maxHandedOn;
    line.freed = line.handedOn !== 0;
    line.resting = !line.freed;
    line.waiters[0]?.rouse();
  }

  /** Everybody in every line gets this answer. */
  dismiss(answer: Refusal): void {
    for (const { waiters } of this.lines.values()) tellAll(waiters, answer);
  }

  private async standInLine(
    line: Line,
    waiter: Waiter,
    attempt: (approach: Approach) => Promise<Attempt>,
    until: number,
    signal: AbortSignal | undefined,
  ): Promise<Attempt> {
    const leftMs = (): number => until - this.clock.monotonic();
    // Who comes to an empty line tries at once; who moves up finds the lock held, or free since it was released here.
    let approach: Approach | undefined = line.waiters[0] === waiter ? 'add' : undefined;
    for (;;) {
      signal?.throwIfAborted();
      if (waiter.answer) return waiter.answer;
      if (approach) {
        const answer = await attempt(approach);
        learn(line, answer.status === 'granted' ? { status: 'held' } : answer);
        if (answer.status === 'granted') return answer; // for this one alone
        if (answer.status === 'unavailable') {
          tellAll(line.waiters.slice(1), answer);
          return answer;
        }
        approach = undefined;
      }
      const { seen } = line;
      if (seen && leftMs() <= 0) return seen;
      if (line.waiters[0] !== waiter) {
        // Without an answer nobody can know what to say: the attempt under way has a deadline.
        await waiter.sleep(seen ? leftMs() : Infinity);
        continue;
      }
      if (!seen) {
        approach = 'add';
        continue;
      }
      if (!line.freed) await waiter.sleep(Math.min(this.nextPauseMs(line), leftMs()));
      if (line.resting) continue;
      approach = line.freed ? 'add' : 'look';
      line.freed = false;
    }
  }

  private lineFor(lockKey: string): Line {
    let line = this.lines.get(lockKey);
    if (!line) {
      line = {
        waiters: [],
        seen: undefined,
        pace: new PollPace(this.random),
        freed: false,
        handedOn: 0,
        resting: false,
      };
      this.lines.set(lockKey, line);
    }
    return line;
  }

  private nextPauseMs(line: Line): number {
    if (!line.resting) return line.pace.pauseMs();
    line.resting = false;
    return restMs * (1 + this.random());
  }

  private leave(lockKey: string, line: Line, waiter: Waiter): void {
    const wasFirst = line.waiters[0] === waiter;
    line.waiters.splice(line.waiters.indexOf(waiter), 1);
    if (line.waiters.length === 0) this.lines.delete(lockKey);
    else if (wasFirst) line.waiters[0]?.rouse();
  }
}

function learn(line: Line, answer: Refusal): void {
  const isNews = line.seen === undefined;
  line.seen = answer;
  // Their time may be up.
  if (isNews) for (const waiter of line.waiters.slice(1)) waiter.rouse();
}

function tellAll(waiters: readonly Waiter[], answer: Refusal): void {
  for (const waiter of waiters) {
    waiter.answer = answer;
    waiter.rouse();
  }
}
