import type { TransactionBounds } from './transaction-bounds.js';
import { numberOf } from './write-batch.js';
import type { AnyOperation } from './write-batch.js';

export interface Caller {
  readonly operation: AnyOperation;
  /** On the process's monotonic clock. */
  readonly askedAt: number;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  conflicts: number;
  /** It was told that the store can't be reached. */
  givenUp: boolean;
}

/** Those who wait for a transaction, in the order in which they asked. */
export class CallerLine {
  private readonly waiting: Caller[] = [];
  /** Of the next transaction: there is room for no more. */
  private most = Infinity;

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  add(caller: Caller): void {
    this.waiting.push(caller);
  }

  /** As many as fit into a transaction, and one at least. */
  next(bounds: TransactionBounds): Caller[] {
    let [count, numbers, bytes] = [0, 0, 0];
    for (const { operation } of this.waiting.slice(0, this.most)) {
      numbers += numberOf(operation);
      bytes += operation.bytes ?? 0;
      if (count > 0 && (numbers > bounds.changes || bytes > bounds.bytes)) break;
      count++;
    }
    this.most = Infinity;
    return this.waiting.splice(0, count);
  }

  /** To the front. @param most of them and those behind them, for the next transaction alone. 1 or more. */
  putBack(callers: readonly Caller[], most = Infinity): void {
    this.waiting.unshift(...callers);
    this.most = most;
  }

  takeAll(): Caller[] {
    return this.waiting.splice(0);
  }
}
