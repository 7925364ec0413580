import { AsyncLocalStorage } from 'node:async_hooks';
import { digest } from '../key/key-space.js';
import { toKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { onCacheEvent } from '../value/events.js';

/** What carries purges to other processes. A TieredCache does: its deletions reach all who share its store. */
export interface PurgeCarrier {
  readonly name: string;
  /** What the key is called in the events of invalidations. */
  nameOf(key: KeyLike): string;
  delete(key: KeyLike): Promise<boolean>;
}

export interface FileFeedListener {
  /** Somebody, here or elsewhere, has invalidated the key that the file of this name stands for; not by `tell`. */
  readonly named: (name: string) => void;
  /** Something may have been missed. */
  readonly missed: () => void;
}

/**
 * What a file is called: the digest of what its key is called, as long names stand in the feed, or the name that a cache with a `keySecret` hides it
 * behind.
 */
export function fileName(key: KeyLike, carrier?: PurgeCarrier): string {
  return asDigest(carrier ? carrier.nameOf(key) : toKey(key).text);
}

/** A name that tells nothing of its key: of a long one, or a hidden one. */
const isDigest = (name: string): boolean => name.startsWith('~');

const asDigest = (name: string): string => (isDigest(name) ? name : digest(name));

/** Purges travel as invalidations of a key: this process's cache tells and hears them. */
export class FileFeed {
  private readonly stop: readonly (() => void)[];
  /** In what a call of `tell` does: the event of it comes when the store has answered, and who told has purged at once. */
  private readonly telling = new AsyncLocalStorage<true>();

  /** @param keyPrefix what the texts of all files' keys begin with: other keys' invalidations are no purges, and cost nothing here. */
  constructor(
    private readonly cache: PurgeCarrier,
    keyPrefix: string,
    listener: FileFeedListener,
  ) {
    this.stop = [
      onCacheEvent('invalidated', ({ cache: name, key, of, origin }) => {
        if (name !== cache.name || of !== 'key' || !(isDigest(key) || key.startsWith(keyPrefix))) return;
        if (origin === 'remote' || this.telling.getStore() !== true) listener.named(asDigest(key));
      }),
      onCacheEvent('nearCleared', ({ cache: name }) => {
        if (name === cache.name) listener.missed();
      }),
    ];
  }

  /** Tells all others. False: the store did not acknowledge yet; it is sent again until it does. */
  tell(key: KeyLike): Promise<boolean> {
    return this.telling.run(true, () => this.cache.delete(key));
  }

  close(): void {
    for (const stop of this.stop) stop();
  }
}
