import type { Invalidated } from '../../store/feed.js';
import type { WriteOptions, Revision, Shard, Store, StoredItem } from '../../store/store.js';

/** Revisions of one start lie this far from those of the next: what a server said before it restarted matches nothing. */
const sessionsPerStart = 1_000_000;

/** A store whose shards can be restarted: with what they held, or empty. What they are made by is asked anew for each empty one. */
export class RestartableStore implements Store {
  readonly name;
  readonly capabilities;
  readonly shards: readonly [RestartableShard, ...RestartableShard[]];
  private readonly inner: Store;

  constructor(private readonly make: () => Store) {
    this.inner = make();
    this.name = this.inner.name;
    this.capabilities = this.inner.capabilities;
    const shards = this.inner.shards.map((shard) => new RestartableShard(shard));
    this.shards = shards as [RestartableShard, ...RestartableShard[]];
  }

  shardOf(storeKey: string): Shard {
    return this.shards[this.inner.shards.indexOf(this.inner.shardOf(storeKey))] as Shard;
  }

  open(): Promise<void> {
    return this.inner.open();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  /** Its connections end. With `memory` it holds what it held; without, it is empty and its feed is another one. */
  async restart(shard: number, memory: 'with memory' | 'without memory'): Promise<void> {
    const made = memory === 'without memory' ? this.make() : undefined;
    await made?.open();
    this.shards[shard]?.restart(made?.shards[shard]);
  }
}

/** One shard, of which revisions hold until it is restarted. */
export class RestartableShard implements Shard {
  readonly name: string;
  readonly invalidate?: Shard['invalidate'] & {};
  readonly readFeed?: Shard['readFeed'] & {};
  /** All keys that were ever written, in their order: what memory pressure can take away. */
  readonly written = new Set<string>();
  private starts = 0;

  constructor(private inner: Shard) {
    this.name = inner.name;
    if (!inner.invalidate || !inner.readFeed) return;
    this.invalidate = async (asked) => {
      const changes = asked.changes.map((change) =>
        'write' in change ? { ...change, options: this.given(change.options) } : change,
      );
      for (const change of changes) this.written.add('remove' in change ? change.remove : keyWritten(change));
      const done = (await this.inner.invalidate?.({ ...asked, changes })) as Invalidated;
      return {
        ...done,
        outcomes: done.outcomes.map((one) =>
          one.status === 'stored' ? { ...one, revision: this.told(one.revision) } : one,
        ),
        watched: done.watched && this.told(done.watched),
      };
    };
    this.readFeed = async (question) => {
      const reading = (await this.inner.readFeed?.(question)) as Awaited<ReturnType<Shard['readFeed'] & {}>>;
      return { ...reading, watched: reading.watched && this.toldItem(reading.watched) };
    };
  }

  restart(successor: Shard | undefined): void {
    this.starts++;
    if (successor) this.inner = successor;
  }

  async readMany(storeKeys: readonly string[]): Promise<(StoredItem | undefined)[]> {
    const items = await this.inner.readMany(storeKeys);
    return items.map((item) => item && this.toldItem(item));
  }

  async readOrStub(storeKeys: readonly string[], stubMs: number): Promise<(StoredItem & { readonly won: boolean })[]> {
    for (const key of storeKeys) this.written.add(key);
    const items = await this.inner.readOrStub(storeKeys, stubMs);
    return items.map((item) => this.toldItem(item));
  }

  async write(storeKey: string, bytes: Uint8Array, options: WriteOptions): ReturnType<Shard['write']> {
    this.written.add(storeKey);
    const outcome = await this.inner.write(storeKey, bytes, this.given(options));
    return outcome.status === 'stored' ? { ...outcome, revision: this.told(outcome.revision) } : outcome;
  }

  remove(storeKey: string, revision?: Revision): ReturnType<Shard['remove']> {
    return this.inner.remove(storeKey, revision && this.revisionFor(revision));
  }

  increment(storeKey: string, by: number, seed: number, lifeMs?: number): Promise<number> {
    this.written.add(storeKey);
    return this.inner.increment(storeKey, by, seed, lifeMs);
  }

  touch(storeKey: string, lifeMs: number): Promise<boolean> {
    return this.inner.touch(storeKey, lifeMs);
  }

  private given(options: WriteOptions): WriteOptions {
    return typeof options.only === 'object' ? { ...options, only: this.revisionFor(options.only) } : options;
  }

  private toldItem<I extends StoredItem>(item: I): I {
    return { ...item, revision: this.told(item.revision) };
  }

  private told({ session, number }: Revision): Revision {
    return { session: session + this.starts * sessionsPerStart, number };
  }

  private revisionFor({ session, number }: Revision): Revision {
    return { session: session - this.starts * sessionsPerStart, number };
  }
}

const keyWritten = (change: { readonly write: string } | { readonly advance: string }): string =>
  'write' in change ? change.write : change.advance;
