import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { StoreUnavailableError, TieredCacheError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import type { RemoveOutcome, Revision, Shard, Store, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';
import { Breaker } from './breaker.js';
import type { BreakerOptions } from './breaker.js';

export interface GuardOptions {
  /** How long an operation of a store that keeps no deadlines may take. Default 250 ms. */
  readonly deadlineMs?: number;
  readonly breaker?: BreakerOptions;
  /** Operations of one shard that may be under way before more are refused. Default 10,000. */
  readonly maxPending?: number;
  readonly clock?: Clock;
}

/** The store behind a deadline, a breaker per shard and a bounded queue. Whatever a shard throws, callers see StoreUnavailableError. */
export function guarded(store: Store, options: GuardOptions = {}): Store {
  const guardedShards = new Map(store.shards.map((shard) => [shard, new GuardedShard(shard, store, options)]));
  return {
    name: store.name,
    capabilities: store.capabilities,
    shards: [...guardedShards.values()] as [GuardedShard, ...GuardedShard[]],
    shardOf: (storeKey) => guardedShards.get(store.shardOf(storeKey)) as GuardedShard,
    open: () => store.open(),
    close: () => store.close(),
  };
}

class GuardedShard implements Shard {
  readonly name: string;
  private readonly breaker: Breaker;
  private readonly clock: Clock;
  private readonly deadlineMs: number | undefined;
  private readonly maxPending: number;
  private pending = 0;

  constructor(
    private readonly shard: Shard,
    store: Store,
    { deadlineMs = 250, breaker, maxPending = 10_000, clock = systemClock }: GuardOptions,
  ) {
    this.name = shard.name;
    this.clock = clock;
    this.breaker = new Breaker(shard.name, clock, breaker);
    this.deadlineMs = store.capabilities.keepsDeadlines ? undefined : deadlineMs;
    this.maxPending = maxPending;
  }

  readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    return this.watched(() => this.shard.readMany(storeKeys));
  }

  /** What it can't tell now, and why, is told by the other ways to read. */
  readNow(storeKey: string): StoredItem | undefined {
    if (!this.shard.readNow || this.breaker.isOpen) return undefined;
    try {
      return this.shard.readNow(storeKey);
    } catch {
      return undefined;
    }
  }

  readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { won: boolean })[]> {
    return this.watched(() => this.shard.readOrStub(storeKeys, stubMs));
  }

  write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    return this.watched(() => this.shard.write(storeKey, bytes, options));
  }

  remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    return this.watched(() => this.shard.remove(storeKey, revision));
  }

  increment(storeKey: string, by: number, seed: number): Promise<number> {
    return this.watched(() => this.shard.increment(storeKey, by, seed));
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.watched(() => this.shard.touch(storeKey, lifeMs));
  }

  async evicts(): Promise<boolean> {
    return (await this.shard.evicts?.()) ?? false;
  }

  private watched<R>(operation: () => Promise<R>): Promise<R> {
    const refusal = this.refusal();
    if (refusal !== undefined) return Promise.reject(new StoreUnavailableError(this.name, refusal));
    this.pending++;
    const result = this.deadlineMs === undefined ? operation() : this.withinDeadline(operation, this.deadlineMs);
    return result.then<R, never>(this.succeeded, this.failed);
  }

  private refusal(): string | undefined {
    if (this.pending >= this.maxPending) return `${this.pending} operations wait already`;
    return this.breaker.admits() ? undefined : 'it failed several times in a row and is left alone';
  }

  /** Bound once: every operation passes here, and makes one promise on its way. */
  private readonly succeeded = <R>(result: R): R => {
    this.pending--;
    this.breaker.succeeded();
    return result;
  };

  private readonly failed = (error: unknown): never => {
    this.pending--;
    throw this.judge(error);
  };

  /** A refused argument is the caller's mistake and says that the shard is well; everything else counts against it. */
  private judge(error: unknown): unknown {
    if (error instanceof TieredCacheError && !(error instanceof StoreUnavailableError)) {
      this.breaker.succeeded();
      return error;
    }
    this.breaker.failed();
    const unavailable =
      error instanceof StoreUnavailableError
        ? error
        : new StoreUnavailableError(this.name, 'it failed', { cause: error });
    reportFault({ source: this.name, kind: 'unavailable', message: unavailable.message, cause: error });
    return unavailable;
  }

  private withinDeadline<R>(operation: () => Promise<R>, deadlineMs: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const timer = this.clock.after(deadlineMs, () =>
        reject(new StoreUnavailableError(this.name, `no answer within ${deadlineMs} ms`)),
      );
      operation()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}
