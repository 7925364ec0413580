import type { Integrity } from '../codec/integrity.js';
import type { Change, FeedQuestion, FeedReading, Invalidated, Invalidation } from '../store/feed.js';
import { isCounter, numberIn } from '../store/sound-counter.js';
import { answerByBatch } from '../store/answer-by-batch.js';
import type { ItemAsk } from '../store/item-ask.js';
import { meaningless, SignedAsk } from './signed-ask.js';
import type { Unsealing } from './signed-ask.js';
import type {
  ItemView,
  ItemWrite,
  RemoveOutcome,
  Revision,
  Shard,
  Store,
  StoredItem,
  WriteOptions,
  WriteOutcome,
} from '../store/store.js';
import { reportFault } from '../value/events.js';

/**
 * The store, signed and verified: entries, lists of versions, records of the feed and of locks. What nobody signed reads as bytes that nobody
 * understands, is reported, and may be replaced by its revision; a record of the feed that nobody signed is a gap. Stubs and counters have no bytes to
 * sign: a stub holds nothing, and a counter is bounded by the clock.
 */
export function authenticated(store: Store, integrity: Integrity): Store {
  const shards = new Map(store.shards.map((shard) => [shard, authenticatedShard(shard, integrity)]));
  return {
    name: store.name,
    capabilities: store.capabilities,
    shards: [...shards.values()] as [Shard, ...Shard[]],
    shardOf: (storeKey) => shards.get(store.shardOf(storeKey)) as Shard,
    open: () => store.open(),
    close: () => store.close(),
  };
}

/** With the operations that the shard has, and no others. */
function authenticatedShard(shard: Shard, integrity: Integrity): Shard {
  const signed = new AuthenticatedShard(shard, integrity);
  return Object.assign(signed, {
    ...(shard.evicts && { evicts: shard.evicts.bind(shard) }),
    ...(shard.stats && { stats: shard.stats.bind(shard) }),
    ...(shard.keys && { keys: shard.keys.bind(shard) }),
    ...(shard.watchFeed && { watchFeed: shard.watchFeed.bind(shard) }),
    ...(shard.watchItem && { watchItem: shard.watchItem.bind(shard) }),
    ...(shard.draw && { draw: shard.draw.bind(shard) }),
    ...(shard.invalidate && { invalidate: (asked: Invalidation) => signed.sendInvalidation(asked) }),
    ...(shard.readFeed && { readFeed: (question: FeedQuestion) => signed.askFeed(question) }),
    ...(shard.writeMany && { writeMany: (writes: readonly ItemWrite[]) => signed.writeEach(writes) }),
    ...(shard.readNow && { readNow: (storeKey: string) => signed.lookNow(storeKey) }),
  });
}

class AuthenticatedShard implements Shard {
  readonly name: string;
  readonly authenticates = true;
  private readonly unseal: Unsealing;

  constructor(
    private readonly shard: Shard,
    private readonly integrity: Integrity,
  ) {
    this.name = shard.name;
    this.unseal = (storeKey, bytes, start, end) => {
      const from = integrity.openAt(storeKey, bytes, start, end);
      if (from === undefined) this.report(storeKey);
      return from;
    };
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

  async writeEach(writes: readonly ItemWrite[]): Promise<WriteOutcome[]> {
    const sealed = writes.map((write) => ({ ...write, bytes: this.sealed(write.storeKey, write.bytes) }));
    const outcomes = (await this.shard.writeMany?.(sealed)) as WriteOutcome[];
    return outcomes.map((outcome) => this.judged(outcome));
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.shard.remove(storeKey, revision);
  }

  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    return this.shard.increment(storeKey, by, seed, lifeMs);
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.shard.touch(storeKey, lifeMs);
  }

  async sendInvalidation(asked: Invalidation): Promise<Invalidated> {
    const answer = (await this.shard.invalidate?.({
      ...asked,
      changes: asked.changes.map((change): Change => {
        return 'write' in change ? { ...change, bytes: this.sealed(change.write, change.bytes) } : change;
      }),
      records: asked.records.map((record) => this.integrity.seal(asked.feed, record)),
    })) as Invalidated;
    return { ...answer, outcomes: answer.outcomes.map((outcome) => this.judged(outcome)) };
  }

  async askFeed(question: FeedQuestion): Promise<FeedReading> {
    const { watch, feed } = question;
    const reading = (await this.shard.readFeed?.(question)) as FeedReading;
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
    const signed = questions.map((question) => new SignedAsk(question, this.unseal));
    if (this.shard.readInto?.(signed) !== true) answerByBatch(this, questions);
    return true;
  }

  lookNow(storeKey: string): ItemView | undefined {
    const seen = this.shard.readNow?.(storeKey);
    if (!seen) return undefined;
    const { bytes } = this.opened(storeKey, { bytes: seen.bytes.subarray(seen.start, seen.end), revision: unknown });
    return { bytes, start: 0, end: bytes.length, ageMs: seen.ageMs };
  }

  private sealed(storeKey: string, bytes: Uint8Array): Uint8Array {
    return bytes.length === 0 ? bytes : this.integrity.seal(storeKey, bytes);
  }

  private opened<I extends StoredItem>(storeKey: string, item: I): I {
    if (item.bytes.length === 0 || isCounter(numberIn(item))) return item;
    const bytes = this.integrity.open(storeKey, item.bytes);
    if (!bytes) this.report(storeKey);
    return { ...item, bytes: bytes ?? meaningless };
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

const unknown: Revision = { session: 0, number: 0 };
