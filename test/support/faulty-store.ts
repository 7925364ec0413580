import { setTimeout as pause } from 'node:timers/promises';
import type { Change, FeedQuestion, Invalidation } from '../../src/store/feed.js';
import type { Shard, Store } from '../../src/store/store.js';
import { StoreUnavailableError } from '../../src/value/errors.js';
import { storeBehind } from '../../src/origin/shard-behind.js';

/** A store that can be made unreachable, as a whole or for keys that end so, and slow. */
export class FaultyStore {
  readonly store: Store;
  /** Keys with this ending, or all (`''`), are unreachable. */
  down: string | undefined;
  /** How long the answer to a write is on its way. */
  answersWritesAfterMs = 0;
  /** The answers to writes wait for it. */
  answersHeld: Promise<void> | undefined;
  /** How long a removal is on its way. */
  removalsArriveAfterMs = 0;
  readonly commands: string[] = [];

  constructor(store: Store) {
    this.store = storeBehind(store, (shard) => this.behind(shard));
  }

  private behind(shard: Shard): Shard {
    const pass = async <R>(operation: string, keys: readonly string[], work: () => Promise<R>): Promise<R> => {
      const { down } = this;
      if (down !== undefined && keys.some((key) => key.endsWith(down))) {
        throw new StoreUnavailableError(shard.name, 'it was made unreachable');
      }
      this.commands.push(`${operation} ${keys.join(' ')}`);
      if ((operation === 'remove' || operation === 'invalidate') && this.removalsArriveAfterMs > 0)
        await pause(this.removalsArriveAfterMs);
      const result = await work();
      if (operation === 'write' || operation === 'invalidate') await this.answersHeld;
      if ((operation === 'write' || operation === 'invalidate') && this.answersWritesAfterMs > 0)
        await pause(this.answersWritesAfterMs);
      return result;
    };
    return {
      name: shard.name,
      readMany: (keys) => pass('read', keys, () => shard.readMany(keys)),
      readOrStub: (keys, stubMs) => pass('readOrStub', keys, () => shard.readOrStub(keys, stubMs)),
      write: (key, bytes, options) => pass('write', [key], () => shard.write(key, bytes, options)),
      remove: (key, revision) => pass('remove', [key], () => shard.remove(key, revision)),
      increment: (key, by, seed, lifeMs) => pass('increment', [key], () => shard.increment(key, by, seed, lifeMs)),
      ...(shard.draw && {
        draw: (key: string, atLeast: number, lifeMs: number) =>
          pass('draw', [key], () => shard.draw?.(key, atLeast, lifeMs) ?? missing()),
      }),
      touch: (key, lifeMs) => pass('touch', [key], () => shard.touch(key, lifeMs)),
      ...(shard.invalidate && {
        invalidate: (asked: Invalidation) =>
          pass(
            'invalidate',
            asked.changes.map(keyOf).concat(`${asked.feed}~feed`),
            () => shard.invalidate?.(asked) ?? missing(),
          ),
      }),
      ...(shard.readFeed && {
        readFeed: (question: FeedQuestion) =>
          pass('readFeed', [`${question.feed}~feed`], () => shard.readFeed?.(question) ?? missing()),
      }),
    };
  }
}

const keyOf = (change: Change): string =>
  'remove' in change ? change.remove : 'advance' in change ? change.advance : change.write;

const missing = (): never => {
  throw new Error('the store has no feed');
};
