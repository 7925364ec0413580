/** An item as it was read. Empty bytes are a stub: somebody is loading. */
export interface StoredItem {
  readonly bytes: Buffer;
  readonly revision: Revision;
  /**
   * How long ago it was written at least, in milliseconds, by a clock that no host can step: memcached's own seconds, the machine's monotonic clock under
   * the disk store, the server's clock of Redis, this process's for memory. Never more than has passed, and at most two resolutions of the store's clock less (either but for one that
   * the clock skipped); a `touch` may begin it anew.
   * Whoever serves an entry takes it from the entry's life, so that a wall clock that was set back lengthens none. Absent: the store doesn't know, as of what
   * was written before the machine started, or after a `touch` on memcached that shortens a life, and for lives of more than 30 days there.
   */
  readonly ageMs?: number;
}

/** Where an item lies in bytes that are borrowed: they are another's after the present step. */
export interface ItemView {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** As in {@link StoredItem}. */
  readonly ageMs?: number | undefined;
}

/**
 * Names one state of one item. Every write makes a new one. It is worth something only to the shard object that handed it out and
 * only while its session lasts: after a reconnect the server may have restarted and count from 1 again, so a revision of an earlier
 * session matches nothing.
 */
export interface Revision {
  readonly session: number;
  readonly number: bigint | number;
}

export interface WriteOptions {
  /** How long the item may live from now. Infinity: until removed. More than 0. It ends up to one resolution of the store's clock sooner, two where the clock skips one. */
  readonly lifeMs: number;
  /**
   * True: the item ends no sooner, and later by up to four resolutions and a two-thousandth of its life. For entries, whose own instants decide, and for locks, whose holders count on no more than they were
   * told. Default: false, for what others wait for, such as the leases of fills.
   */
  readonly neverShorter?: boolean;
  /**
   * True: it is no copy of anything, such as a lock, a counter or a list of who is there. A conditional write that finds no room leaves what stands under the
   * key alone, and rejects; and a store that makes room takes it last. Default: false, for entries: what one would have replaced may go with it, and is a miss.
   */
  readonly irreplaceable?: boolean;
  /** `absent`: only if there is no item, stubs included. A revision: only if the item is still that one. Default: always. */
  readonly only?: 'absent' | Revision;
}

/** One write among several. */
export interface ItemWrite {
  readonly storeKey: string;
  readonly bytes: Uint8Array;
  readonly options: WriteOptions;
}

/**
 * `exists`: an item stood where `absent` was asked. `changed`: the item is no longer that revision, or is gone, or the revision is
 * of an earlier session. `too-large`: the store takes no item of this size; the key's older item, if this write would have replaced
 * it, is gone.
 */
export type WriteOutcome =
  | { readonly status: 'stored'; readonly revision: Revision }
  | { readonly status: 'exists' | 'changed' }
  | { readonly status: 'too-large'; readonly maxBytes: number };

/** `changed` only when a revision was asked for: the item is another one now. */
export type RemoveOutcome = 'removed' | 'absent' | 'changed';
