import type { Clock } from '../../value/clock.js';
import { driftPerMs } from '../../value/drift-per-ms.js';
import type { Command, Reply } from './conversation.js';
import { maxRelativeSeconds } from './seconds-to-live.js';

/** The fraction of a second that the server drops, and the second between two of its ticks. */
const usuallyLateMs = 2_000;
/** A clock that is behind for so long was set back; it is not late. */
const setBackMs = 2_000;
/** What was read later than this may have been true long before. */
const promptMs = 1_000;

/**
 * How long an item has left that whoever finds none makes: it has the same end for all who ask. Flags are carried out in their order: `t` before `N` says nothing of an
 * item that is made. `EN`: there is no room for it.
 */
export const clockQuestion: Command = { line: `mg ~clock N${maxRelativeSeconds} t c` };

interface Reading {
  readonly session: number;
  /** The revision of the item that was asked. */
  readonly item: number;
  /** The server's clock less the monotonic one, at least; its zero is that item's end. What this process was too busy to read makes it less, never more. */
  readonly leadMs: number;
  readonly at: number;
}

/**
 * Whether the clock of a server goes on. memcached keeps time by a tick of its main thread, once a second, while other threads carry out the commands. A server that
 * was stopped runs on in both at once: 1. it is stopped for longer than a lock lives, with the command of A in its socket; 2. it runs on, and gives A's lock a life from
 * before the stop; 3. its clock ticks, and the lock has ended: B takes it, and A and B run together.
 *
 * A connection is accepted by the main thread, so the reading at its beginning is of a clock that goes on; one that is further behind it than a clock that ticks can
 * be is of a clock that stands.
 */
export class ServerClock {
  private furthest: Reading | undefined;
  private behindSince: number | undefined;

  /** @param askAgain sends `clockQuestion`, and notes the answer. */
  constructor(
    private readonly clock: Clock,
    private readonly askAgain: () => void,
  ) {}

  /**
   * @param reply what was answered to `clockQuestion`.
   * @param sentAt when it was sent, on the monotonic clock. One that was read late says that the clock is behind, and no more.
   * @returns false where the clock stands.
   */
  note(session: number, reply: Reply | undefined, sentAt: number): boolean {
    if (!reply || !('code' in reply) || reply.secondsLeft === undefined || reply.revision === undefined) return true;
    const now = this.clock.monotonic();
    const isPrompt = now - sentAt <= promptMs;
    const leadMs = -reply.secondsLeft * 1_000 - now;
    const { furthest } = this;
    if (furthest?.session === session && furthest.item === reply.revision) {
      const furthestMs = furthest.leadMs - (now - furthest.at) * driftPerMs;
      if (leadMs < furthestMs - usuallyLateMs) {
        if (!isPrompt || !this.wasSetBack(now)) return false;
      } else if (leadMs < furthestMs) {
        this.behindSince = undefined;
        return true;
      }
    }
    this.behindSince = undefined;
    this.furthest = { session, item: reply.revision, leadMs, at: now };
    return true;
  }

  /** It is asked again in time; a reading of long ago was of another stop. */
  private wasSetBack(now: number): boolean {
    if (this.behindSince === undefined || now - this.behindSince > setBackMs + promptMs) {
      this.behindSince = now;
      this.clock.after(setBackMs + 1, this.askAgain);
    }
    return now - this.behindSince > setBackMs;
  }
}
