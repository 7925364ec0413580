import type { ItemAsk } from './item-ask.js';
import type { Shard, StoredItem } from './store.js';

/** Answers a question by a batch of one, for shards that can't answer into it. */
export function answerByBatch(shard: Pick<Shard, 'readOrStub'>, question: ItemAsk): void {
  shard.readOrStub([question.storeKey], question.stubMs).then(
    (answer) => {
      const [item] = answer as [StoredItem & { won: boolean }];
      const { bytes, revision, won, ageMs } = item;
      question.answer(bytes, 0, bytes.length, revision.session, revision.number, won, ageMs);
    },
    (error: unknown) => question.refuse(error),
  );
}
