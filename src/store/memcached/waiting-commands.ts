import type { ItemAsk } from '../item-ask.js';
import type { MetaReply } from './meta-reply.js';

/** Called once per command: with its reply, or with why there is none. */
export type Answer = (error: Error | undefined, reply: MetaReply | undefined) => void;

/** As `Answer`, of a question that could not be answered where its item lies: its reply was cut, or odd, or never came. */
export type AskedAnswer = (
  question: ItemAsk,
  session: number,
  error: Error | undefined,
  reply: MetaReply | undefined,
) => void;

/** Commands that leave together: one clock does for all of them. */
export interface Turn {
  /** Infinity: they have not left yet. A loop that is blocked between a call and its turn's end takes nothing from the deadline. */
  writtenAt: number;
}

export interface Waiting {
  /** Absent where a question waits instead. */
  readonly answer: Answer | undefined;
  readonly question?: ItemAsk;
  readonly asked?: AskedAnswer;
  readonly turn: Turn;
  /** The number that the server repeats in its reply. 0 for `version` and `stats`, which take none. */
  readonly opaque: number;
  /** For `stats`, whose reply is many lines. */
  readonly lines: [string, string][] | undefined;
}

/** The commands of a connection that wait for their replies, in order. */
export class WaitingCommands {
  private readonly queue: (Waiting | undefined)[] = [];
  private head = 0;

  get isEmpty(): boolean {
    return this.head === this.queue.length;
  }

  get first(): Waiting | undefined {
    return this.queue[this.head];
  }

  push(waiting: Waiting): void {
    this.queue.push(waiting);
  }

  /** @throws Error when nobody waits. */
  peek(): Waiting {
    const waiting = this.queue[this.head];
    if (!waiting) throw new Error('a reply that nobody asked for');
    return waiting;
  }

  shift(): Waiting {
    const waiting = this.peek();
    // An answered command that stood here on would keep its value alive.
    this.queue[this.head++] = undefined;
    // One copy per 1,024 replies instead of one per reply.
    if (this.isEmpty || this.head >= 1_024) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
    return waiting;
  }

  /** All of them; nobody waits any more. */
  drain(): Waiting[] {
    const left = this.queue.splice(0).slice(this.head) as Waiting[];
    this.head = 0;
    return left;
  }
}

/** @param session of the connection. */
export function tellWaiting(
  { answer, question, asked }: Waiting,
  session: number,
  error: Error | undefined,
  reply: MetaReply | undefined,
): void {
  if (answer) answer(error, reply);
  else if (question) asked?.(question, session, error, reply);
}
