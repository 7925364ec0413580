import type { ItemAsk } from './item-ask.js';
import type { Shard, StoredItem } from './store.js';

/** Answers a question by a batch of one, for shards that can't answer into it. */
export function answerByBatch(shard: Pick<Shard, 'readOrStub'>, question: ItemAsk): void {
  const answer = shard.readOrStub([question.storeKey], question.stubMs);
  answerBy(
    answer.then(([item]) => item as StoredItem & { won: boolean }),
    question,
  );
}

/** Answers a question by an item that is on its way. */
export function answerBy(answer: Promise<StoredItem & { readonly won: boolean }>, question: ItemAsk): void {
  answer.then(
    ({ bytes, revision, won, ageMs }) =>
      question.answer(bytes, 0, bytes.length, revision.session, revision.number, won, ageMs),
    (error: unknown) => question.refuse(error),
  );
}
