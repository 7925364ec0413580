import type { Clock } from '../../value/clock.js';
import { isFeedGap, keyOfChange } from '../feed.js';
import type { FeedGap, FeedQuestion, FeedReading, Invalidated, Invalidation } from '../feed.js';
import type { Revision, StoredItem } from '../item.js';
import type { RedisArgument, RedisReply } from './driver/redis-driver.js';
import { frameRecords, recordsOf } from './feed-frames.js';
import { textOf } from './redis-reply.js';
import type { RedisScript } from './redis-script.js';
import { changeAndAppend, readSegments, removeAndAppend } from './redis-scripts.js';
import { isFull } from './redis-server-error.js';
import type { FeedKeys, RedisSession } from './redis-session.js';
import { newLineage } from './redis-word.js';
import { tellChange, withoutMemory } from './told-change.js';
import type { ToldChange } from './told-change.js';

/** Runs a script; what it replies, without the word. @throws StoreUnavailableError, whose cause is the server's own words where it has some. */
type Run = (
  script: RedisScript,
  keys: readonly string[],
  args: readonly RedisArgument[],
) => Promise<readonly RedisReply[]>;

interface Appending {
  readonly keys: FeedKeys;
  readonly session: number;
  readonly clock: Clock;
  readonly maxItemBytes: number;
  /** Epoch ms by the server's clock, if it is known. */
  readonly writtenAt: number | undefined;
  /** How wake-ups are published. */
  readonly publish: 'PUBLISH' | 'SPUBLISH';
  /** What a wake-up says: whoever tells needs none of its own. */
  readonly teller: string;
  readonly wireKey: (storeKey: string) => string;
  readonly run: Run;
  readonly revisionOf: (wireKey: string, head: RedisReply) => Revision | undefined;
}

/** The changes, the records and the wake-up in one script: nobody sees one without the others. @throws StoreUnavailableError */
export async function tellInvalidation(
  { changes, records }: Invalidation,
  { keys, session, clock, maxItemBytes, writtenAt, publish, teller, wireKey, run, revisionOf }: Appending,
): Promise<Invalidated> {
  const wireKeys = changes.map((change) => wireKey(keyOfChange(change)));
  const told = changes.map((change, index) =>
    tellChange(change, { wireKey: wireKeys[index] as string, session, maxItemBytes, writtenAt }),
  );
  const frames = records.length === 0 ? '' : frameRecords(records);
  const lineage = [String(Math.floor(clock.now()) * 1_000), newLineage()];
  const tell = (script: RedisScript, each: readonly ToldChange[]): Promise<readonly RedisReply[]> => {
    const args = [frames, ...lineage, keys.counter, publish, teller, ...each.flatMap((change) => change.args)];
    return run(script, [keys.counter, keys.watch, ...wireKeys], args);
  };
  let replies: readonly RedisReply[];
  try {
    replies = await tell(told.some(({ takesMemory }) => takesMemory) ? changeAndAppend : removeAndAppend, told);
  } catch (error) {
    if (!isFull(error)) throw error;
    // What would have been replaced is no longer true: it goes, and is named, though the new can't be stored.
    await tell(removeAndAppend, told.map(withoutMemory));
    throw error;
  }
  const [head, ...answers] = replies;
  const outcomes = told.flatMap(({ outcome }, index) => (outcome ? [outcome(answers[index] === 1)] : []));
  return { outcomes, watched: revisionOf(keys.watch, head ?? null) };
}

interface Reading {
  readonly keys: FeedKeys;
  readonly session: RedisSession;
  readonly run: Run;
  /** Begins a lineage where there is none. */
  readonly begin: () => Promise<void>;
  readonly itemOf: (wireKey: string, value: RedisReply | undefined) => StoredItem | undefined;
}

/** @throws StoreUnavailableError */
export async function readFeed({ since, maxBehindBytes }: FeedQuestion, reading: Reading): Promise<FeedReading> {
  const { keys, session, run, begin, itemOf } = reading;
  const lineage = since && session.lineageOf(since.id);
  const asked = since && lineage !== undefined ? [lineage, String(since.number), String(since.offset)] : ['', '0', '0'];
  const ask = (): Promise<readonly RedisReply[]> =>
    run(readSegments, [keys.counter, keys.watch], [...asked, String(maxBehindBytes)]);
  let replies = await ask();
  const wasLost = textOf(replies[1]) === 'lost';
  if (wasLost) {
    await begin();
    replies = await ask();
  }
  const [watched, state, number, present, offset, ...chunks] = replies;
  const mark = { id: session.markId(textOf(present) ?? ''), number: Number(textOf(number)), offset: Number(offset) };
  const said = textOf(state);
  const records = recordsOf(chunks.filter((chunk) => Buffer.isBuffer(chunk)));
  const gap: FeedGap | undefined =
    since === undefined
      ? undefined
      : lineage === undefined
        ? 'other data than before is answered from'
        : wasLost
          ? 'the feed was lost'
          : said === 'at' && records
            ? undefined
            : isFeedGap(said)
              ? said
              : 'what was appended can’t be read';
  return {
    mark: said === 'lost' ? undefined : mark,
    records: (gap === undefined && since !== undefined && records) || [],
    gap,
    watched: itemOf(keys.watch, watched),
  };
}
