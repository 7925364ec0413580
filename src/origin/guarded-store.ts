import type { FeedQuestion, FeedReading, Invalidated, Invalidation } from '../store/feed.js';
import { answerByBatch } from '../store/answer-by-batch.js';
import type { AskWatcher, ItemAsk } from '../store/item-ask.js';
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
import { answerTimer } from '../value/answer-timer.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { StoreUnavailableError, TieredCacheError } from '../value/errors.js';
import { wasClosed } from '../value/was-closed.js';
import { reportFault } from '../value/events.js';
import { Breaker } from './breaker.js';
import type { BreakerOptions } from './breaker.js';
import { CommandQueue } from './command-queue.js';
import { ShardBehind, storeBehind } from './shard-behind.js';
import { SharedStore } from './shared-store.js';

export interface GuardOptions {
  /**
   * How long an operation of a store that keeps no deadlines may take; and how long one that waits for its turn waits for any answer. Default: as the store says,
   * for those that wait 250 ms at least.
   */
  readonly deadlineMs?: number;
  readonly breaker?: BreakerOptions;
  /** Operations of one shard that may be under way; more wait for their turn. Default 2,500: as many leases are won at once, and the loads end before they do. */
  readonly maxPending?: number;
  readonly clock?: Clock;
}

const usualDeadlineMs = 250;

/** By the store, and by what its users were given. */
const shared = new WeakMap<Store, SharedStore>();

/**
 * The store behind a deadline, a breaker per shard and a queue. Whatever a shard throws, callers see StoreUnavailableError. One store has one
 * guard in a process, whoever asks: what the cache has learned of a server, its locks know. Each call makes one more user of it, to be opened and
 * closed by itself: the store is open while one of them is.
 */
export function guarded(store: Store, options: GuardOptions = {}): Store {
  const present = shared.get(store) ?? sharedOf(store, options);
  const user = present.forUser();
  shared.set(store, present);
  shared.set(user, present);
  return user;
}

function sharedOf(store: Store, options: GuardOptions): SharedStore {
  const isClosed = (): boolean => present.isClosed;
  const guard = storeBehind(store, (shard) => new GuardedShard(shard, store, options, isClosed));
  const present = new SharedStore(store, guard);
  return present;
}

class GuardedShard extends ShardBehind implements Shard, AskWatcher {
  private readonly breaker: Breaker;
  private readonly clock: Clock;
  private readonly deadlineMs: number | undefined;
  private readonly queue: CommandQueue;
  /** Batches take no more turns, all together: others go on beside them, as long as their last answers take. */
  private readonly turnsOfBatches: number;
  /** Where batches wait for one of these turns, before they wait with all others. */
  private readonly batches: CommandQueue;
  private batchesUnderWay = 0;
  /** What it failed with last: while it is left alone, all that is known of why. */
  private lastFailure: StoreUnavailableError | undefined;

  constructor(
    shard: Shard,
    store: Store,
    { deadlineMs, breaker, maxPending = 2_500, clock = systemClock }: GuardOptions,
    private readonly isClosed: () => boolean,
  ) {
    super(shard);
    this.clock = clock;
    this.breaker = new Breaker(shard.name, clock, breaker);
    const { atomic, keepsDeadlines, deadlineMs: ofStoreMs = usualDeadlineMs } = store.capabilities;
    this.deadlineMs = keepsDeadlines ? undefined : (deadlineMs ?? ofStoreMs);
    const patienceMs = deadlineMs ?? Math.max(usualDeadlineMs, ofStoreMs);
    const isBusy = (): boolean => this.batchesUnderWay > 0;
    this.queue = new CommandQueue(shard.name, clock, maxPending, patienceMs, isBusy);
    this.turnsOfBatches = Math.ceil(maxPending / 2);
    this.batches = new CommandQueue(shard.name, clock, this.turnsOfBatches, patienceMs, isBusy);
    // A store that says that it is not atomic is used without a feed and without leases.
    if (!atomic) this.lack('invalidate');
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.watched(storeKeys.length, () => this.shard.readMany(storeKeys));
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { won: boolean })[]> {
    return this.watched(storeKeys.length, () => this.shard.readOrStub(storeKeys, stubMs));
  }

  /** By the shard itself where that can answer into the questions, else by `readOrStub`; so it always goes ahead, and returns true. */
  readInto(questions: readonly ItemAsk[]): boolean {
    if ((this.shard as Shard).readInto && !this.breaker.isOpen && this.queue.take(questions.length)) {
      for (const question of questions) question.watcher = this;
      if (this.isAsked(questions)) return true;
      this.queue.gone(questions.length);
    }
    // Those that are asked once more were let pass before: by a batch, they are counted as part of that alone.
    for (const question of questions) question.watcher = undefined;
    answerByBatch(this, questions);
    return true;
  }

  /** What the shard throws at once is an answer to all of them. */
  private isAsked(questions: readonly ItemAsk[]): boolean {
    try {
      return this.shard.readInto(questions);
    } catch (error) {
      for (const question of questions) question.refuse(error);
      return true;
    }
  }

  askAnswered(): void {
    this.answered(1);
  }

  askFailed(error: unknown): unknown {
    this.queue.gone(1);
    return this.judge(error);
  }

  write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.watched(1, () => this.shard.write(storeKey, bytes, options), isBound(options));
  }

  writeMany(writes: readonly ItemWrite[]): Promise<WriteOutcome[]> {
    const areBound = writes.every(({ options }) => isBound(options));
    return this.watched(writes.length, () => this.shard.writeMany(writes), areBound);
  }

  override remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.watched(1, () => this.shard.remove(storeKey, revision), revision !== undefined);
  }

  override increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    return this.watched(1, () => this.shard.increment(storeKey, by, seed, lifeMs));
  }

  override draw(storeKey: string, atLeast: number, lifeMs: number): Promise<number> {
    return this.watched(1, () => this.shard.draw(storeKey, atLeast, lifeMs));
  }

  override touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.watched(1, () => this.shard.touch(storeKey, lifeMs));
  }

  invalidate(invalidation: Invalidation): Promise<Invalidated> {
    const { changes, records } = invalidation;
    return this.watched(changes.length + records.length, () => this.shard.invalidate(invalidation));
  }

  /**
   * Goes ahead of the queue, and past an open breaker as its probe: what near copies are believed by must not wait for traffic. One that ends because the store
   * is closed is no fault: nobody has asked for it.
   */
  readFeed(question: FeedQuestion): Promise<FeedReading> {
    const closedBefore = this.isClosed();
    return this.settled(
      this.run(() => this.shard.readFeed(question)),
      0,
      () => this.isClosed() && !closedBefore,
    );
  }

  /** What it can't tell now, and why, is told by the other ways to read. */
  readNow(storeKey: string): ItemView | undefined {
    if (this.breaker.isOpen) return undefined;
    try {
      return this.shard.readNow(storeKey);
    } catch {
      return undefined;
    }
  }

  /** @param commands how much of the shard's attention it takes. */
  private watched<R>(commands: number, operation: () => Promise<R>, isUrgent = false): Promise<R> {
    const turns = Math.min(commands, this.turnsOfBatches);
    // A few commands are no batch. Nor does anything wait for what a shard has not answered that is left alone.
    if (turns <= Math.max(1, this.turnsOfBatches / 10) || this.breaker.isOpen)
      return this.inTurn(turns, operation, isUrgent);
    const begin = (): Promise<R> => this.asBatch(turns, operation, isUrgent);
    return this.batches.take(turns, isUrgent) ? begin() : this.wait(this.batches, turns, isUrgent).then(begin);
  }

  private async asBatch<R>(turns: number, operation: () => Promise<R>, isUrgent: boolean): Promise<R> {
    let begun = 0;
    const begin = (): Promise<R> => {
      this.batchesUnderWay += begun = 1;
      return operation();
    };
    try {
      return await this.inTurn(turns, begin, isUrgent);
    } finally {
      this.batchesUnderWay -= begun;
      this.batches.gone(turns);
    }
  }

  private inTurn<R>(turns: number, operation: () => Promise<R>, isUrgent: boolean): Promise<R> {
    if (!this.breaker.admits()) {
      const { problem, remedy } = this.lastFailure ?? {};
      const leftAlone = `it failed several times in a row and is left alone. Its last failure: ${problem}`;
      return Promise.reject(new StoreUnavailableError(this.name, leftAlone, remedy === undefined ? {} : { remedy }));
    }
    const begin = (): Promise<R> => this.settled(this.run(operation), turns);
    return this.queue.take(turns, isUrgent) ? begin() : this.wait(this.queue, turns, isUrgent).then(begin);
  }

  private wait(queue: CommandQueue, turns: number, isUrgent: boolean): Promise<void> {
    return queue.wait(turns, isUrgent).catch((error: unknown) => {
      throw this.judge(error);
    });
  }

  private run<R>(operation: () => Promise<R>): Promise<R> {
    if (this.deadlineMs !== undefined) return this.withinDeadline(operation, this.deadlineMs);
    try {
      return operation();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  private settled<R>(result: Promise<R>, commands = 0, isNoFault = (): boolean => false): Promise<R> {
    return result.then(
      (value) => {
        this.answered(commands);
        return value;
      },
      (error: unknown) => {
        this.queue.gone(commands);
        // What it was closed in the middle of says nothing of the shard.
        throw isNoFault() ? this.unavailable(error, wasClosed) : this.judge(error);
      },
    );
  }

  private answered(commands: number): void {
    this.queue.answered(commands);
    this.batches.heard();
    this.breaker.succeeded();
  }

  private unavailable(cause: unknown, problem: string): StoreUnavailableError {
    return cause instanceof StoreUnavailableError ? cause : new StoreUnavailableError(this.name, problem, { cause });
  }

  /** A refused argument is the caller's mistake, and a refused write one of a shard that answers reads: it is well. Everything else counts against it. */
  private judge(error: unknown): unknown {
    if (error instanceof TieredCacheError && (!(error instanceof StoreUnavailableError) || error.isRefusal)) {
      this.breaker.succeeded();
      return error;
    }
    const unavailable = this.unavailable(error, 'it failed');
    this.lastFailure = unavailable;
    this.breaker.failed();
    reportFault({ source: this.name, kind: 'unavailable', message: unavailable.message, cause: error });
    return unavailable;
  }

  private withinDeadline<R>(operation: () => Promise<R>, deadlineMs: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const timer = answerTimer(this.clock, deadlineMs, () =>
        reject(new StoreUnavailableError(this.name, `no answer within ${deadlineMs} ms`)),
      );
      operation()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

/** What it is bound to was read before, and a lease among that ends while it waits. */
function isBound({ only }: WriteOptions): boolean {
  return typeof only === 'object';
}
