import type { StoredItem } from '../store.js';
import type { MetaReply } from './meta-reply.js';
import type { AskedAnswer } from './waiting-commands.js';

/** Answers questions by replies that were read in the general way. @param itemOf throws what the question is refused with. */
export function askedAnswer(
  itemOf: (reply: MetaReply, session: number) => StoredItem,
  failed: (error: unknown) => Error,
): AskedAnswer {
  return (question, session, error, reply) => {
    if (!reply) return question.refuse(failed(error));
    let item: StoredItem;
    try {
      item = itemOf(reply, session);
    } catch (unexpected) {
      return question.refuse(unexpected);
    }
    const { bytes, revision, ageMs } = item;
    question.answer(bytes, 0, bytes.length, session, revision.number, reply.won, ageMs);
  };
}
