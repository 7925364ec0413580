import { ItemAsk } from '../item-ask.js';
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

  protected take({ bytes, start, end, session, revision: number, won, ageMs }: ItemAnswer): void {
    const found = { bytes: bytes.subarray(start, end), revision: { session, number }, won };
    this.resolve(ageMs === undefined ? found : { ...found, ageMs });
  }

  protected fail(error: unknown): void {
    this.reject(error);
  }
}
