import type { Integrity } from '../codec/integrity.js';
import type { Change, FeedQuestion, FeedReading, Invalidated, Invalidation } from '../store/feed.js';
import { isCounter, numberIn } from '../store/sound-counter.js';
import { answerByBatch } from '../store/answer-by-batch.js';
import type { ItemAnswer, ItemAsk } from '../store/item-ask.js';
import { ShardBehind, storeBehind } from './shard-behind.js';
import type { ItemView, ItemWrite, Shard, Store, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';
import { reportFault } from '../value/events.js';

/**
 * The store, signed and verified: entries, lists of versions, records of the feed and of locks. What nobody signed reads as bytes that nobody
 * understands, is reported, and may be replaced by its revision; a record of the feed that nobody signed is a gap. Stubs and counters have no bytes to
 * sign: a stub holds nothing, and a counter is bounded by the clock.
 */
export function authenticated(store: Store, integrity: Integrity): Store {
  return storeBehind(store, (shard) => new AuthenticatedShard(shard, integrity));
}

class AuthenticatedShard extends ShardBehind implements Shard {
  readonly authenticates = true;

  constructor(
    shard: Shard,
    private readonly integrity: Integrity,
  ) {
    super(shard);
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    const items = await this.shard.readMany(storeKeys);
    return items.map((item, index) => item && this.opened(storeKeys[index] as string, item));
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    const items = await this.shard.readOrStub(storeKeys, stubMs);
    return items.map((item, index) => this.opened(storeKeys[index] as string, item));
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.judged(await this.shard.write(storeKey, this.sealed(storeKey, bytes), options));
  }

  async writeMany(writes: readonly ItemWrite[]): Promise<WriteOutcome[]> {
    const sealed = writes.map((write) => ({ ...write, bytes: this.sealed(write.storeKey, write.bytes) }));
    const outcomes = await this.shard.writeMany(sealed);
    return outcomes.map((outcome) => this.judged(outcome));
  }

  async invalidate(asked: Invalidation): Promise<Invalidated> {
    const answer = await this.shard.invalidate({
      ...asked,
      changes: asked.changes.map((change): Change => {
        return 'write' in change ? { ...change, bytes: this.sealed(change.write, change.bytes) } : change;
      }),
      records: asked.records.map((record) => this.integrity.seal(asked.feed, record)),
    });
    return { ...answer, outcomes: answer.outcomes.map((outcome) => this.judged(outcome)) };
  }

  async readFeed(question: FeedQuestion): Promise<FeedReading> {
    const { watch, feed } = question;
    const reading = await this.shard.readFeed(question);
    const records = reading.records.map((record) => this.integrity.open(feed, record));
    const isGenuine = records.every((record) => record !== undefined);
    if (!isGenuine) this.report(feed);
    return {
      mark: reading.mark,
      records: isGenuine ? records : [],
      gap: reading.gap ?? (isGenuine ? undefined : 'a record that nobody has signed'),
      watched: reading.watched && this.opened(watch, reading.watched),
    };
  }

  readInto(questions: readonly ItemAsk[]): boolean {
    for (const question of questions) question.opener = this.open;
    if ((this.shard as Shard).readInto?.(questions) === true) return true;
    for (const question of questions) question.opener = undefined;
    answerByBatch(this, questions);
    return true;
  }

  readNow(storeKey: string): ItemView | undefined {
    const seen = this.shard.readNow(storeKey);
    if (!seen) return undefined;
    const from = this.beginOf(storeKey, seen.bytes, seen.start, seen.end);
    return from === undefined ? { ...seen, ...meaninglessView } : { ...seen, start: from };
  }

  /** Never throws: a parser calls it. */
  private readonly open = (storeKey: string, found: ItemAnswer): void => {
    const from = this.beginOf(storeKey, found.bytes, found.start, found.end);
    if (from === undefined) Object.assign(found, meaninglessView);
    else found.start = from;
  };

  /** Where what was sealed begins among these bytes; undefined, and reported: nobody has signed them. */
  private beginOf(storeKey: string, bytes: Buffer, start: number, end: number): number | undefined {
    if (end === start || isCounterIn(bytes, start, end)) return start;
    const from = this.integrity.openAt(storeKey, bytes, start, end);
    if (from === undefined) this.report(storeKey);
    return from;
  }

  private sealed(storeKey: string, bytes: Uint8Array): Uint8Array {
    return bytes.length === 0 ? bytes : this.integrity.seal(storeKey, bytes);
  }

  private opened<I extends StoredItem>(storeKey: string, item: I): I {
    const { bytes } = item;
    const from = this.beginOf(storeKey, bytes, 0, bytes.length);
    return { ...item, bytes: from === undefined ? meaningless : bytes.subarray(from) };
  }

  private judged(outcome: WriteOutcome): WriteOutcome {
    if (outcome.status !== 'too-large') return outcome;
    return { status: 'too-large', maxBytes: Math.max(0, outcome.maxBytes - this.integrity.overheadBytes) };
  }

  private report(storeKey: string): void {
    const message =
      'The store holds what nobody has signed with one of the integrity keys. If processes without these keys use it as well, give them the keys; else find out who can write to it.';
    reportFault({ source: this.shard.name, kind: 'unauthentic', message, key: storeKey });
  }
}

/** No format begins with a zero byte. */
const meaningless = Buffer.of(0);
const meaninglessView = { bytes: meaningless, start: 0, end: meaningless.length };
const longestCounterBytes = 24;

function isCounterIn(bytes: Buffer, start: number, end: number): boolean {
  return end - start <= longestCounterBytes && isCounter(numberIn({ bytes: bytes.subarray(start, end) }));
}
