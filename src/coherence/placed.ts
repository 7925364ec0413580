import type { Key } from '../key/key.js';
import type { KeySpace } from '../key/key-space.js';
import type { Shard } from '../store/store.js';
import type { ShardFeed } from './shard-feed.js';
import type { InvalidatingKey } from './shard-invalidations.js';

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

/** Of a key whose item is to go. */
export function removalOf({ key, name, storeKey }: Placed): InvalidatingKey {
  return { name, text: key.text, storeKey };
}
