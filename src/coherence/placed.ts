import type { Key } from '../key/key.js';
import type { KeySpace } from '../key/key-space.js';
import type { Shard } from '../store/store.js';
import type { ShardFeed } from './shard-feed.js';

/** A key, what the feed calls it, and where it stands in the store. */
export interface Placed {
  readonly key: Key;
  readonly name: string;
  /** The version under which it stands there. */
  readonly space: KeySpace;
  readonly storeKey: string;
  readonly shard: Shard;
  readonly feed: ShardFeed;
}
