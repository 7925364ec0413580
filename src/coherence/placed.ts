import type { Key } from '../key/key.js';
import type { Shard } from '../store/store.js';
import type { ShardFeed } from './shard-feed.js';

/** A key, what the feed calls it, and where it stands in the store. */
export interface Placed {
  readonly key: Key;
  readonly name: string;
  readonly storeKey: string;
  readonly shard: Shard;
  readonly feed: ShardFeed;
}
