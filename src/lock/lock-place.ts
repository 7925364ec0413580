import type { HiddenNames } from '../key/hidden-names.js';
import { Key } from '../key/key.js';
import { encodePart } from '../key/key-part.js';
import type { KeyPart } from '../key/key-part.js';
import { digest, maxKeyBytes } from '../key/key-space.js';
import { InvalidKeyError } from '../value/errors.js';
import type { Shard, Store } from '../store/store.js';

/** What is locked: a name, or a list of key parts. `'a'` and `['a']` are the same lock. */
export type LockResource = string | readonly KeyPart[] | Key;

/** Where a lock lives: one key on one shard for good. When that shard is away, the lock is unavailable; it is never looked for elsewhere. */
export interface LockPlace {
  /** What it is called: the key's text, or a name that stands for it. */
  readonly resource: string;
  readonly shard: Shard;
  readonly lockKey: string;
  /** Beside the lock, on its shard. */
  readonly fencingKey: string;
}

/** @throws InvalidKeyError */
export function placeLock(store: Store, namespace: string, resource: LockResource, hidden?: HiddenNames): LockPlace {
  assertLockResource(resource);
  const { text } = resource instanceof Key ? resource : new Key(typeof resource === 'string' ? [resource] : resource);
  return placeNamed(store, namespace, hidden ? hidden.hide('lock', text) : text);
}

/** @throws InvalidKeyError for what can be none. What a list holds is looked at when the lock is placed. */
export function assertLockResource(given: unknown, whose = "A lock's resource"): asserts given is LockResource {
  if (isLockResource(given)) return;
  throw new InvalidKeyError(`${whose} is a text, a list of key parts or a Key. Convert what was given.`);
}

export function isLockResource(given: unknown): given is LockResource {
  return typeof given === 'string' || Array.isArray(given) || given instanceof Key;
}

/** Of the name that a place says. */
export function placeNamed(store: Store, namespace: string, text: string): LockPlace {
  const head = `${encodePart(namespace)}~lock:`;
  // Two bytes are left for the suffix of the counter.
  const readable = head + text;
  const lockKey = readable.length <= maxKeyBytes - 2 ? readable : `${head.slice(0, 100)}${digest(readable)}`;
  return { resource: text, shard: store.shardOf(lockKey), lockKey, fencingKey: `${lockKey}~f` };
}
