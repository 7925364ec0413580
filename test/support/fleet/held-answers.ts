import type { Change, FeedQuestion, Invalidation } from '../../../src/store/feed.js';
import type { Shard, Store } from '../../../src/store/store.js';
import { storeBehind } from '../../../src/origin/shard-behind.js';

type Operation = 'readMany' | 'readOrStub' | 'write' | 'remove' | 'increment' | 'touch' | 'invalidate' | 'readFeed';

/** A store whose answers can be kept back after it has done what was asked: the command arrived, the caller does not know yet. */
export class HeldAnswers {
  readonly store: Store;
  private holds: { readonly operation: Operation; readonly key: string } | undefined;
  private release: () => void = () => {};
  private released: Promise<void> = Promise.resolve();
  /** Answers that wait now. */
  held = 0;

  constructor(store: Store) {
    this.store = storeBehind(store, (shard) => this.behind(shard));
  }

  /** From now on the answers of this operation wait, where a key ends so; of a reading of the feed, its name. */
  hold(operation: Operation, key: string): void {
    this.holds = { operation, key };
    this.released = new Promise((resolve) => (this.release = resolve));
  }

  letGo(): void {
    this.holds = undefined;
    this.release();
  }

  private behind(shard: Shard): Shard {
    const through = async <R>(operation: Operation, keys: readonly string[], work: Promise<R>): Promise<R> => {
      const { holds, released } = this;
      const answer = await work;
      if (holds?.operation !== operation || !keys.some((key) => key.endsWith(holds.key))) return answer;
      this.held++;
      await released;
      this.held--;
      return answer;
    };
    return {
      name: shard.name,
      readMany: (keys) => through('readMany', keys, shard.readMany(keys)),
      readOrStub: (keys, stubMs) => through('readOrStub', keys, shard.readOrStub(keys, stubMs)),
      write: (key, bytes, options) => through('write', [key], shard.write(key, bytes, options)),
      remove: (key, revision) => through('remove', [key], shard.remove(key, revision)),
      increment: (key, by, seed, lifeMs) => through('increment', [key], shard.increment(key, by, seed, lifeMs)),
      touch: (key, lifeMs) => through('touch', [key], shard.touch(key, lifeMs)),
      ...(shard.invalidate && {
        invalidate: (asked: Invalidation) =>
          through('invalidate', asked.changes.map(keyOf), shard.invalidate?.(asked) ?? missing()),
      }),
      ...(shard.readFeed && {
        readFeed: (question: FeedQuestion) =>
          through('readFeed', [question.feed], shard.readFeed?.(question) ?? missing()),
      }),
      ...(shard.watchFeed && {
        watchFeed: (feed: string, wake: () => void, reader?: number) =>
          shard.watchFeed?.(feed, wake, reader) ?? missing(),
      }),
    };
  }
}

const keyOf = (change: Change): string =>
  'remove' in change ? change.remove : 'advance' in change ? change.advance : change.write;

const missing = (): never => {
  throw new Error('the store has no feed');
};
