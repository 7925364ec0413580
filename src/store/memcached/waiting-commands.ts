import type { ItemAsk } from '../item-ask.js';
import type { ReplyInChunk } from './meta-reply.js';
import type { Turn } from './turn.js';

/** Called once per command: with its reply, or with why there is none. @param index which of the commands that were sent with this answer it was. */
export type Answer = (error: Error | undefined, reply: ReplyInChunk | undefined, index: number) => void;

/** Told of a question that was answered by no item: by `reply`, or by nothing, and why. */
export type Refusal = (question: ItemAsk, error: Error | undefined, reply: ReplyInChunk | undefined) => void;

export interface Waiting {
  /** Absent where a question waits instead. */
  readonly answer: Answer | undefined;
  readonly index: number;
  readonly question: ItemAsk | undefined;
  readonly refuse: Refusal | undefined;
  readonly turn: Turn;
  /** The number that the server repeats in its reply. 0 for `version` and `stats`, -1 for commands of the older protocol: they take none. */
  readonly opaque: number;
  /** It is an `mg`, whose miss a server with extstore may tell without the number. */
  readonly mayMiss: boolean;
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

export function tellWaiting(
  { answer, index, question, refuse }: Waiting,
  error: Error | undefined,
  reply: ReplyInChunk | undefined,
): void {
  if (question === undefined) answer?.(error, reply, index);
  else if (reply?.isItem() === true) question.answer(reply);
  else refuse?.(question, error, reply);
}
