import { ItemAsk } from '../store/item-ask.js';
import type { ItemAnswer } from '../store/item-ask.js';
import { isCounter, numberIn } from '../store/sound-counter.js';

/** Where the bytes begin that were signed; undefined: nobody who has one of the secrets has signed them. The item lies from `start` to `end`. */
export type Unsealing = (storeKey: string, bytes: Buffer, start: number, end: number) => number | undefined;

/** A question whose answer is verified on its way up, where it lies. */
export class SignedAsk extends ItemAsk {
  constructor(
    private readonly question: ItemAsk,
    private readonly unseal: Unsealing,
  ) {
    super(question.storeKey, question.stubMs);
  }

  protected override take(found: ItemAnswer): void {
    const { bytes, start, end, session, revision, won, ageMs } = found;
    if (end === start || isCounterIn(bytes, start, end)) return this.question.answer(found);
    const from = this.unseal(this.storeKey, bytes, start, end);
    const known = { session, revision, won, ageMs };
    if (from !== undefined) this.question.answer({ ...known, bytes, start: from, end });
    else this.question.answer({ ...known, bytes: meaningless, start: 0, end: meaningless.length });
  }

  protected override fail(error: unknown): void {
    this.question.refuse(error);
  }
}

/** No format begins with a zero byte. */
export const meaningless = Buffer.of(0);

const longestCounterBytes = 24;

function isCounterIn(bytes: Buffer, start: number, end: number): boolean {
  return end - start <= longestCounterBytes && isCounter(numberIn({ bytes: bytes.subarray(start, end) }));
}
