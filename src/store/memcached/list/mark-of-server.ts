import type { Shard } from '../../store.js';
import { compareBallots, decodeMark, encodeMark, isSameBallot } from './list-mark.js';
import type { ListMark } from './list-mark.js';
import type { MarkAsk, MarkReply } from './settle-list.js';

const maxTries = 4;
/** Where a full server has no room for a mark, it takes the old one away: the next try finds room, and none is like a server that has restarted. */
const ofMark = { lifeMs: Infinity } as const;

/** Carries out what is asked of one server's mark. Undefined: it can't be asked. */
export async function askMark(shard: Shard, key: string, { raise, open }: MarkAsk): Promise<MarkReply> {
  try {
    if (open) {
      const options = { ...ofMark, only: open.seen };
      const outcome = await shard.write(key, encodeMark(open.mark), options);
      return outcome.status === 'stored' ? { mark: open.mark, revision: outcome.revision } : await read(shard, key);
    }
    let reply = await read(shard, key);
    for (let tries = 0; raise && tries < maxTries && isBelow(reply.mark, raise); tries++) {
      const options = { ...ofMark, only: reply.revision ?? ('absent' as const) };
      const outcome = await shard.write(key, encodeMark(raise), options);
      reply = outcome.status === 'stored' ? { mark: raise, revision: outcome.revision } : await read(shard, key);
    }
    return reply;
  } catch {
    return undefined;
  }
}

async function read(shard: Shard, key: string): Promise<NonNullable<MarkReply>> {
  const [item] = await shard.readMany([key]);
  return { mark: decodeMark(item?.bytes), revision: item?.revision };
}

const isBelow = (mark: ListMark | undefined, raise: ListMark): boolean =>
  mark === undefined || (!isSameBallot(mark, raise) && compareBallots(mark, raise) < 0);
