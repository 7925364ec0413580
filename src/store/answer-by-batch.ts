import { StoreUnavailableError } from '../value/errors.js';
import type { ItemAsk } from './item-ask.js';
import type { Shard, StoredItem } from './store.js';

/** Answers questions by a batch, for shards that can't answer into them. */
export function answerByBatch(shard: Pick<Shard, 'readOrStub'>, questions: readonly ItemAsk[]): void {
  const [first] = questions;
  const storeKeys = questions.map(({ storeKey }) => storeKey);
  const answer = shard.readOrStub(storeKeys, first?.stubMs ?? 0);
  answerBy(answer, questions);
}

/** Answers questions by items that are on their way. */
export function answerBy(
  answer: Promise<readonly (StoredItem & { readonly won: boolean })[]>,
  questions: readonly ItemAsk[],
): void {
  answer.then(
    (items) => {
      for (const [index, question] of questions.entries()) {
        const item = items[index];
        if (!item) {
          question.refuse(new StoreUnavailableError('The store', 'it answered fewer items than it was asked for'));
          continue;
        }
        const { bytes, revision, won, ageMs } = item;
        const { session, number } = revision;
        question.answer({ bytes, start: 0, end: bytes.length, session, revision: number, won, ageMs });
      }
    },
    (error: unknown) => {
      for (const question of questions) question.refuse(error);
    },
  );
}
