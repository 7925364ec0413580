import { reportFault } from '../../value/events.js';
import { assertStoreKey } from '../store-key.js';
import type { ItemView, RemoveOutcome, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store.js';
import { BorrowedShard } from './borrowed-shard.js';
import type { DiskTuning } from './disk-tuning.js';
import { DiskShard } from './disk-shard.js';
import type { KeyPage } from './key-page.js';
import type { LendableShard, LentOperation } from './lent-shard.js';

export interface FolderShardTuning extends DiskTuning {
  /** How long `open` and `close` wait for the file system and for other processes. */
  readonly openWithinMs: number;
}

/** Of each operation: the other side begins within the deadline, and tells what came of it. */
const graceMs = 250;
const maxKeysPerRequest = 64;

/**
 * A folder as a shard, whoever has its database open: this process, or processes of another container. Then what is asked for goes to one of
 * them over a socket in the folder. When the last of them is gone, this process opens the database itself.
 */
export class FolderShard implements Shard {
  readonly name: string;
  readonly invalidate?: NonNullable<Shard['invalidate']>;
  readonly readFeed?: NonNullable<Shard['readFeed']>;
  private readonly local: DiskShard;
  private borrowed: BorrowedShard | undefined;
  private joining: Promise<void> | undefined;
  private wanted = false;
  private borrowings = 0;

  constructor(
    directory: string,
    maxItemBytes: number,
    private readonly tuning: FolderShardTuning,
  ) {
    this.local = new DiskShard(directory, maxItemBytes, tuning);
    this.name = this.local.name;
    const local: Shard = this.local;
    if (local.invalidate) this.invalidate = (invalidation) => this.ask('invalidate', invalidation);
    if (local.readFeed) this.readFeed = (question) => this.ask('readFeed', question);
  }

  /** Resolves also when the folder can't be used, and when that takes too long to find out. @throws InvalidOptionError without lmdb. */
  async open(): Promise<void> {
    this.wanted = true;
    const joined = this.join();
    if (await this.inTime(joined)) return;
    const message = `Opening takes longer than ${this.tuning.openWithinMs} ms: the file system does not answer, or another process is at it. The store joins when it can.`;
    reportFault({ source: this.name, kind: 'unavailable', message });
  }

  async close(): Promise<void> {
    this.wanted = false;
    this.borrowed?.end();
    await this.inTime(this.local.close());
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    for (const storeKey of storeKeys) assertStoreKey(storeKey);
    if (!this.borrowed) return this.shard().readMany(storeKeys);
    return this.inTurns(storeKeys, (some) => this.ask<(StoredItem | undefined)[]>('readMany', some));
  }

  readNow(storeKey: string): ItemView | undefined {
    return this.borrowed ? undefined : this.shard().readNow(storeKey);
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { won: boolean })[]> {
    for (const storeKey of storeKeys) assertStoreKey(storeKey);
    return this.inTurns(storeKeys, (some) => this.ask<(StoredItem & { won: boolean })[]>('readOrStub', some, stubMs));
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): Promise<WriteOutcome> {
    assertStoreKey(storeKey);
    return this.ask('write', storeKey, bytes, options);
  }

  async remove(storeKey: string, revision?: Revision): Promise<RemoveOutcome> {
    assertStoreKey(storeKey);
    return this.ask('remove', storeKey, revision);
  }

  async increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    assertStoreKey(storeKey);
    return this.ask('increment', storeKey, by, seed, lifeMs);
  }

  async touch(storeKey: string, lifeMs: number): Promise<boolean> {
    assertStoreKey(storeKey);
    return this.ask('touch', storeKey, lifeMs);
  }

  /** See `DiskShard.stats`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    return this.ask('stats');
  }

  async *keys(prefix: string): AsyncGenerator<string, void, undefined> {
    let next: Uint8Array | undefined;
    do {
      const page: KeyPage = await this.ask<KeyPage>('keyPage', prefix, next);
      yield* page.keys;
      next = page.next;
      // Others wait for this event loop, too.
      if (next) await this.tuning.clock.sleep(0);
    } while (next);
  }

  /** Here or there. */
  private ask<T>(operation: LentOperation, ...args: unknown[]): Promise<T> {
    if (this.borrowed) return this.borrowed.call(operation, args) as Promise<T>;
    const shard: LendableShard = this.shard();
    return (shard as unknown as Record<LentOperation, (...args: unknown[]) => Promise<T>>)[operation](...args);
  }

  private async inTurns<T>(keys: readonly string[], ask: (some: readonly string[]) => Promise<T[]>): Promise<T[]> {
    if (!this.borrowed || keys.length <= maxKeysPerRequest) return ask(keys);
    const answers: T[] = [];
    for (let at = 0; at < keys.length; at += maxKeysPerRequest) {
      answers.push(...(await ask(keys.slice(at, at + maxKeysPerRequest))));
    }
    return answers;
  }

  /** The own one, which says by itself that it is not open. If that is because others are, they are asked to lend theirs. */
  private shard(): DiskShard {
    if (this.local.usedElsewhere && this.wanted) void this.join().catch(() => undefined);
    return this.local;
  }

  private join(): Promise<void> {
    return (this.joining ??= this.tryToJoin().finally(() => (this.joining = undefined)));
  }

  /**
   * Each round ends with an open database, with a lender, or with a reason that is neither: between two rounds the last lender may go, and
   * another process may come first.
   */
  private async tryToJoin(): Promise<void> {
    if (this.borrowed) return;
    for (let round = 0; round < 5 && this.wanted; round++) {
      await this.local.open();
      const elsewhere = this.local.usedElsewhere;
      if (!elsewhere) return;
      const { directory, instances } = elsewhere;
      try {
        const borrowed = await BorrowedShard.from(directory, rotated(instances, process.pid + this.borrowings++), {
          name: this.name,
          clock: this.tuning.clock,
          deadlineMs: this.tuning.deadlineMs,
          graceMs,
          onEnd: () => {
            if (this.borrowed === borrowed) this.borrowed = undefined;
            if (this.wanted) void this.join().catch(() => undefined);
          },
        });
        this.borrowed = borrowed;
        if (!this.wanted) borrowed.end();
        if (this.borrowings === 1) this.sayBorrowed();
        return;
      } catch {
        await this.tuning.clock.sleep(10);
      }
    }
  }

  private sayBorrowed(): void {
    const message =
      'Processes of another container have the folder open, and this one works through them: a read takes a tenth of a millisecond, and no longer a few microseconds. A folder for each container is faster.';
    reportFault({ source: this.name, kind: 'degraded', message });
  }

  /** False: it takes longer. What it comes to in the end is of no interest then. @throws what `work` rejects with in time. */
  private async inTime(work: Promise<void>): Promise<boolean> {
    const waiting = new AbortController();
    const late = this.tuning.clock.sleep(this.tuning.openWithinMs, waiting.signal).then(() => false);
    work.catch(() => undefined);
    try {
      return await Promise.race([work.then(() => true), late]);
    } finally {
      waiting.abort();
    }
  }
}

/** Beginning elsewhere each time: several borrowers spread over the lenders, and one who gave a lender up asks another. */
const rotated = (instances: readonly string[], by: number): readonly string[] => {
  const at = by % instances.length;
  return [...instances.slice(at), ...instances.slice(0, at)];
};
