import type { Socket } from 'node:net';
import { answerTimer } from '../../value/answer-timer.js';
import type { Clock, Timer } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { hostMonotonicMs } from '../../value/host-monotonic.js';
import { RareFaults } from '../../value/rare-faults.js';
import { wasClosed } from '../../value/was-closed.js';
import { folderUnavailable } from './folder-unavailable.js';
import { maxRequestBytes } from './lent-shard.js';
import type { LentFailure, LentOperation, LentReply, LentRequest } from './lent-shard.js';
import { connectTo } from './lifeline.js';
import { FrameReader, frameOf } from './wire.js';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: StoreUnavailableError): void;
  readonly deadline: Timer;
}

export interface BorrowOptions {
  /** Of the store, for errors. */
  readonly name: string;
  readonly clock: Clock;
  /** How long the other side may take until it begins with an operation. Later it leaves it out: somebody else may have been asked, and have answered. */
  readonly deadlineMs: number;
  /** How long its answer may take from then on. One that takes longer is left. */
  readonly graceMs: number;
  /** Called once, when the connection is over. */
  readonly onEnd: () => void;
}

/** Answers hold what was asked for: as many keys as a call names. */
const maxReplyBytes = 2 ** 30;

/** The shard of a process in another container, which has the database of a shared folder open. */
export class BorrowedShard {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private readonly faults: RareFaults;
  /** By this process: nothing is wrong with the other one. */
  private isEnded = false;

  /** Connects to the first of them that answers. Rejects with what the system says where none does. */
  static async from(directory: string, instances: readonly string[], options: BorrowOptions): Promise<BorrowedShard> {
    let failure: unknown;
    for (const instance of instances) {
      try {
        return new BorrowedShard(await connectTo(directory, instance), options);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  private constructor(
    private readonly socket: Socket,
    private readonly options: BorrowOptions,
  ) {
    this.faults = new RareFaults(options.name, options.clock);
    const replies = new FrameReader(maxReplyBytes, (message) => this.settle(message as LentReply));
    socket.unref();
    socket.on('data', (chunk: Buffer) => {
      try {
        replies.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      for (const id of [...this.waiting.keys()])
        this.fail(id, this.isEnded ? new StoreUnavailableError(options.name, wasClosed) : goneFrom(options.name));
      options.onEnd();
    });
  }

  /** Rejects with StoreUnavailableError, and with nothing else. */
  call(operation: LentOperation, args: readonly unknown[]): Promise<unknown> {
    const id = ++this.lastId;
    const { clock, deadlineMs, graceMs } = this.options;
    const limitMs = deadlineMs + graceMs;
    const request: LentRequest = { id, operation, args, until: hostMonotonicMs() + deadlineMs };
    const frame = frameOf(request);
    if (frame.length > maxRequestBytes) {
      const problem = `a request of ${frame.length} bytes is larger than the ${maxRequestBytes} that another container takes`;
      const remedy = 'Store smaller values, or fewer in one call.';
      const refusal = new StoreUnavailableError(this.options.name, problem, { isRefusal: true, remedy });
      this.faults.degraded('too large', refusal.message);
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const deadline = answerTimer(clock, limitMs, () => {
        const problem = `the process that has it open did not answer within ${limitMs} ms`;
        const remedy = 'Check that it is not held up, and its disk.';
        this.fail(id, new StoreUnavailableError(this.options.name, problem, { remedy }));
        this.socket.destroy();
      });
      this.waiting.set(id, { resolve, reject, deadline });
      // Somebody waits: until the answer is there the connection keeps the process alive.
      this.socket.ref();
      this.socket.write(frame);
    });
  }

  end(): void {
    this.isEnded = true;
    this.socket.destroy();
  }

  private settle(reply: LentReply): void {
    if (!('problem' in reply)) return this.taken(reply.id)?.resolve(reply.result);
    const error = failedThere(this.options.name, reply);
    // What it says of it there is said to another process.
    if (error.isRefusal) this.faults.degraded('refused there', error.message);
    this.fail(reply.id, error);
  }

  private fail(id: number, error: StoreUnavailableError): void {
    this.taken(id)?.reject(error);
  }

  private taken(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.deadline.cancel();
    if (this.waiting.size === 0) this.socket.unref();
    return waiting;
  }
}

/** What has closed the folder there has not closed it here. */
function failedThere(name: string, { problem, remedy, isRefusal }: LentFailure): StoreUnavailableError {
  if (problem === wasClosed) return goneFrom(name);
  if (remedy === undefined) return folderUnavailable(name, problem);
  return new StoreUnavailableError(name, problem, { remedy, ...(isRefusal && { isRefusal }) });
}

function goneFrom(name: string): StoreUnavailableError {
  const remedy = 'At the next call another one is asked, or this one opens the folder.';
  return new StoreUnavailableError(name, 'the process that had it open is gone', { remedy });
}
