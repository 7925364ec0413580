import { ItemAsk, itemOf } from '../item-ask.js';
import type { ItemAnswer } from '../item-ask.js';
import type { StoredItem } from '../item.js';

type Answer = StoredItem & { readonly won: boolean };

/** A question of one item that is answered by a promise. */
export class OneRead extends ItemAsk {
  readonly promise: Promise<Answer>;
  private resolve!: (answer: Answer) => void;
  private reject!: (error: unknown) => void;

  constructor(storeKey: string, stubMs: number) {
    super(storeKey, stubMs);
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  protected take(found: ItemAnswer): void {
    this.resolve(itemOf(found));
  }

  protected fail(error: unknown): void {
    this.reject(error);
  }
}
