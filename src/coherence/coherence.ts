import { digest, maxKeyBytes } from '../key/key-space.js';
import { encodePart } from '../key/key-part.js';
import type { HiddenNames } from '../key/hidden-names.js';
import type { Key } from '../key/key.js';
import type { Shard, Store } from '../store/store.js';
import { assertTag } from '../value/entry.js';
import { isTagName, tagIn } from './invalidated-names.js';
import type { InvalidatedNames } from './invalidated-names.js';
import { Outbox } from './outbox.js';
import type { Placed } from './placed.js';
import { ShardFeed } from './shard-feed.js';
import type { FeedListener, ShardFeedOptions } from './shard-feed.js';
import { listUnder } from './shard-versions.js';
import { TagGenerations } from './tag-generations.js';
import type { VersionedKeySpace } from './versioned-key-space.js';

export interface CoherenceConfiguration extends Omit<ShardFeedOptions, 'feed' | 'keySpace' | 'cleared'> {
  readonly namespace: string;
  readonly store: Store | undefined;
  readonly versions: VersionedKeySpace;
  /** Absent where names are shown. */
  readonly hidden: HiddenNames | undefined;
  readonly names: InvalidatedNames;
  /** False only in tests that show what happens when all generations of tags are taken for one. */
  readonly generations: boolean;
}

/** Longer names stand in the feed by their digest. */
const maxNameBytes = 200;

/** What one cache knows of what is still true: its store's feeds and versions, the generations of tags, what is not acknowledged. */
export class Coherence {
  readonly names: InvalidatedNames;
  readonly outbox: Outbox;
  readonly tags: TagGenerations | undefined;
  readonly store: Store | undefined;
  readonly feeds: readonly ShardFeed[];
  private readonly byShard: ReadonlyMap<Shard, ShardFeed>;
  private readonly head: string;
  /** Of a store with one shard, which all keys belong to. */
  private readonly only: ShardFeed | undefined;
  /** Of its last clear, see {@link Outbox.ticket}. */
  private lastClear = 0;
  /** Of the last clear that all parts have acknowledged. */
  private lastAcknowledgedClear = 0;

  constructor(
    private readonly configuration: CoherenceConfiguration,
    listener: FeedListener,
  ) {
    const { store, namespace, clock, versions, generations } = configuration;
    this.store = store;
    this.names = configuration.names;
    this.head = keyHead(namespace);
    this.tags = store && new TagGenerations(store, this.head, clock, configuration.random, generations);
    const options = {
      ...configuration,
      feed: this.head,
      keySpace: () => versions.current(),
      // 1. A clears both parts; 2. B hears of it from that of `outer`; 3. B builds `outer` from the `inner` that the other part holds from before.
      cleared: (told: ShardFeed) => this.feeds.forEach((feed) => feed !== told && feed.doubt()),
    };
    this.byShard = new Map(store?.shards.map((shard) => [shard, new ShardFeed(shard, listener, options)]));
    this.feeds = [...this.byShard.values()];
    this.only = this.feeds.length === 1 ? this.feeds[0] : undefined;
    this.outbox = new Outbox(configuration.cache, clock, this.feeds, (name) => this.feedOfName(name));
  }

  /** Where the key stands in the store; undefined: there is no store. */
  place(key: Key): Placed | undefined {
    const { store } = this;
    if (!store) return undefined;
    const name = this.nameOf(key);
    const feed = this.feedOfKey(store, name);
    const space = this.configuration.versions.current();
    return { key, name, space, storeKey: space.storeKey(key.text), shard: feed.shard, feed };
  }

  /** As `place`, for a look-up; undefined also where the store is not to be asked: by its policy, or while an invalidation of the key waits. */
  placeToRead(key: Key, { shared }: { readonly shared: boolean }): Placed | undefined {
    const placed = shared ? this.place(key) : undefined;
    return placed && this.outbox.has(placed.name) ? undefined : placed;
  }

  /**
   * The position among invalidated names, for what is read there from now on. Of a version that is in force no more, what is read is as of before all of them:
   * near copies went when it ended, and what others have kept near since is not to be replaced by it.
   */
  positionAt({ space }: Placed): number {
    return space === this.configuration.versions.current() ? this.names.position : 0;
  }

  /** What a key is called in the feed: its text, or its digest where that is long. */
  nameOf(key: Key): string {
    return feedName(key.text);
  }

  /** What a tag is called in the store, the feed and events. @throws InvalidOptionError for what is no tag. */
  nameOfTag(tag: string): string {
    assertTag(tag);
    return this.configuration.hidden?.hide('tag', tag) ?? tag;
  }

  feedOf(shard: Shard): ShardFeed {
    return this.byShard.get(shard) as ShardFeed;
  }

  /**
   * Reads every feed by a reading that is sent from now on. True: whatever was acknowledged before the call is known here.
   */
  async verify(): Promise<boolean> {
    if (!this.vouches) return false;
    const read = await Promise.all(this.feeds.map((feed) => feed.pollAnew()));
    return read.every(Boolean);
  }

  /** Whether near copies are vouched for at all. */
  get vouches(): boolean {
    return this.feeds.every((feed) => feed.isPolled);
  }

  /**
   * Several parts are cleared twice: between their clears somebody may have stored on one of them what was built from another.
   * @throws StoreUnavailableError when a part of the store can't be reached; the others are cleared.
   */
  async clear(): Promise<void> {
    const ticket = this.outbox.ticket();
    this.lastClear = ticket;
    await this.clearOnce();
    if (this.feeds.length > 1) await this.clearOnce();
    this.lastAcknowledgedClear = Math.max(this.lastAcknowledgedClear, ticket);
  }

  /** Whether this process has begun to clear after the call with this ticket. */
  hasClearedSince(ticket: number): boolean {
    return this.lastClear > ticket;
  }

  /** Whether such a clear is acknowledged: what is served from now on was stored after the call. */
  hasAcknowledgedClearSince(ticket: number): boolean {
    return this.lastAcknowledgedClear > ticket;
  }

  private async clearOnce(): Promise<void> {
    const cleared = await Promise.allSettled(
      this.feeds.map((feed) => feed.invalidations.clear(this.configuration.clock.now())),
    );
    const failed = cleared.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  start(): void {
    for (const feed of this.feeds) feed.start();
  }

  async close(): Promise<void> {
    await this.outbox.close();
    for (const feed of this.feeds) feed.close();
  }

  /** By the unversioned name: all versions of a key live beside each other, and share a feed. */
  private feedOfKey(store: Store, name: string): ShardFeed {
    return this.only ?? this.feedOf(store.shardOf(placementOf(this.head, name)));
  }

  /** Of what is invalidated in a store. */
  private feedOfName(name: string): ShardFeed {
    const { store, tags } = this as { readonly store: Store; readonly tags: TagGenerations };
    return isTagName(name) ? this.feedOf(tags.shardOf(tagIn(name))) : this.feedOfKey(store, name);
  }
}

/** The shard that holds a key of the namespace under all versions. @param text as the cache calls the key. */
export function shardOfKey(store: Store, namespace: string, text: string): Shard {
  return store.shardOf(placementOf(keyHead(namespace), feedName(text)));
}

/** The store key under which each shard lists the versions of the namespace that keep entries on it. */
export const listOfVersions = (namespace: string): string => listUnder(keyHead(namespace));

const placementOf = (head: string, name: string): string => `${head}~:${name}`;

/** What a key of this text is called in the feed: the text, or its digest where that is long. */
export const feedName = (text: string): string => (text.length > maxNameBytes ? digest(text) : text);

/** Begins the keys that belong to the namespace in all its versions: feed, versions, generations. `~` follows, which no version begins with. */
function keyHead(namespace: string): string {
  const head = encodePart(namespace);
  return head.length <= maxKeyBytes / 2 ? head : digest(namespace).slice(1);
}
