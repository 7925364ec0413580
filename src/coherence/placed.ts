import { Key } from '../key/key.js';
import type { KeySpace } from '../key/key-space.js';
import type { Shard } from '../store/store.js';
import { lastingText } from '../value/lasting-text.js';
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

/** The same in texts of its own, for what waits: a key may be cut from a large text. */
export function lastingPlace(placed: Placed): Placed {
  const text = lastingText(placed.key.text);
  const name = placed.name === text ? text : lastingText(placed.name);
  return { ...placed, key: new Key(undefined, text), name, storeKey: lastingText(placed.storeKey) };
}
