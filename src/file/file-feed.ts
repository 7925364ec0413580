import { digest } from '../key/key-space.js';
import { toKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { onCacheEvent } from '../value/events.js';

/** What carries purges to other processes. A TieredCache does: its deletions reach all who share its store. */
export interface PurgeCarrier {
  readonly name: string;
  delete(key: KeyLike): Promise<boolean>;
}

export interface FileFeedListener {
  /** Somebody, here or elsewhere, has invalidated the key that the file of this name stands for. */
  readonly named: (name: string) => void;
  /** Something may have been missed. */
  readonly missed: () => void;
}

/** What a file is called, however long its uid: the digest of its key, as long names stand in the feed. */
export const fileName = (key: KeyLike): string => digest(toKey(key).text);

/** Purges travel as invalidations of a key: this process's cache tells and hears them. */
export class FileFeed {
  private readonly stop: readonly (() => void)[];

  constructor(
    private readonly cache: PurgeCarrier,
    listener: FileFeedListener,
  ) {
    this.stop = [
      onCacheEvent('invalidated', ({ cache: name, key }) => {
        if (name === cache.name) listener.named(key.startsWith('~') ? key : digest(key));
      }),
      onCacheEvent('nearCleared', ({ cache: name }) => {
        if (name === cache.name) listener.missed();
      }),
    ];
  }

  /** Tells all processes. False: the store did not acknowledge yet; it is sent again until it does. */
  tell(key: KeyLike): Promise<boolean> {
    return this.cache.delete(key);
  }

  close(): void {
    for (const stop of this.stop) stop();
  }
}
