import type { EntryPolicy, Serving } from '../catalogue/entry-policy.js';
import { feedName } from '../coherence/coherence.js';
import type { Coherence } from '../coherence/coherence.js';
import { isTagName, tagIn, tagName } from '../coherence/invalidated-names.js';
import type { ShardFeed } from '../coherence/shard-feed.js';
import { idOfText, textOfId } from '../key/key.js';
import type { Key } from '../key/key.js';
import type { CacheClock } from '../value/cache-clock.js';
import { channels, tellInvalidated } from '../value/events.js';
import type { TierName } from '../value/lookup.js';
import type { NearCopy } from './near-copy.js';
import type { ProcessTier } from './process-tier.js';
import type { Read, RequestScope, RequestTier, ScopeState } from './request-scope.js';
import { isServable, verdictOf } from './verdict.js';
import type { Verdict } from './verdict.js';

export interface NearFinding<V> {
  readonly copy: NearCopy<V>;
  readonly tier: TierName;
}

/** The request and process tiers of one cache, nearest first. */
export class NearTiers {
  constructor(
    private readonly cache: string,
    readonly coherence: Coherence,
    private readonly clock: CacheClock,
    readonly scope: RequestScope,
    readonly process: ProcessTier | undefined,
  ) {}

  /** The copies of this cache in the open request, by id. */
  ofRequest(scope: ScopeState): RequestTier {
    return scope.tierOf(this);
  }

  /**
   * The nearest copy that this look-up may be served, fresh or stale. Believes the process tier only as far as the feed has been read;
   * see {@link readFor} for reading on.
   * @param isUse false for who only looks.
   */
  find<V>(key: Key, serving: Serving<V>, isUse = true): NearFinding<V> | undefined {
    const { id } = key;
    // Before anything is looked for: where the clock was set back, what was dated before is dropped now.
    const now = this.clock.now();
    const scope = this.scope.current();
    const held = scope && this.ofRequest(scope).get(id);
    if (held && isServable(this.ofRequestVerdict(held, serving, now))) {
      return { copy: held as NearCopy<V>, tier: 'request' };
    }
    if (scope?.forced) return undefined;
    const copy = isUse ? this.process?.get(id) : this.process?.peek(id);
    if (!copy || !isServable(this.ofProcessVerdict(copy, serving, now))) return undefined;
    return { copy: copy as NearCopy<V>, tier: 'process' };
  }

  /**
   * As `find`, for a loader: only what is fresh, and named by no invalidation that is known by now. What is known by now must have been read since the
   * load began.
   */
  findVerified<V>(key: Key, serving: Serving<V>, isUse = true): NearFinding<V> | undefined {
    const found = this.find(key, serving, isUse);
    if (!found || this.clock.now() >= found.copy.freshUntil) return undefined;
    return this.namedSince(key, found.copy.tags, found.copy.mark) ? undefined : found;
  }

  /** Whether the request or the process holds anything under this key. */
  holds(id: string): boolean {
    return this.process?.peek(id) !== undefined || this.held?.get(id) !== undefined;
  }

  /** Whether the process holds a copy that the feed has not vouched for of late. */
  isDoubtful(id: string): boolean {
    const copy = this.process?.peek(id);
    return copy !== undefined && this.clock.now() >= copy.trust.until;
  }

  /** Reads the feeds that can vouch for a doubtful copy. */
  async readFor(id: string): Promise<void> {
    const copy = this.process?.peek(id);
    const feeds = this.coherence.feeds.filter(({ trust }) => copy?.trust.covers(trust) === true);
    await Promise.all(feeds.map((feed) => feed.poll()));
  }

  /** What is held and what would be said of it, tier by tier. @param asked undefined: for people, who look at everything. */
  explain(
    key: Key,
    asked: Serving | undefined,
  ): { readonly tier: TierName; readonly copy: NearCopy | undefined; readonly verdict: Verdict }[] {
    const now = this.clock.now();
    const { held } = this;
    const tiers: { tier: TierName; copy: NearCopy | undefined; verdict: Verdict }[] = [];
    if (held) {
      const copy = held.get(key.id);
      tiers.push({ tier: 'request', copy, verdict: copy ? this.ofRequestVerdict(copy, asked, now) : 'absent' });
    }
    if (this.process) {
      const copy = this.process.peek(key.id);
      tiers.push({ tier: 'process', copy, verdict: copy ? this.ofProcessVerdict(copy, asked, now) : 'absent' });
    }
    return tiers;
  }

  /**
   * Keeps a copy in the process tier, unless its key or one of its tags was invalidated since the read or load began, or something else is held
   * that was kept since. Drops what is held then: nobody here is served an older value after one that its callers are given, and which is older
   * can't be known:
   *
   * 1. A load begins; 2. its key is named, so later look-ups don't join it; 3. one of them reads an older value from the store, which is kept;
   * 4. another process deletes the key; 5. the load returns the new value, and its fill is refused; 6. the feed has not been read since 4.
   *
   * Or: 1. a look-up reads the store; 2. another process deletes the key; 3. a load here finds it gone, fills it and is kept; 4. the look-up's
   * answer comes, before the feed has named the key. Their dates tell nothing: each is by the clock of whoever loaded it.
   */
  keep(key: Key, copy: NearCopy, { nearby }: Pick<EntryPolicy, 'nearby'>): boolean {
    if (this.namedSince(key, copy.tags, copy.mark) || this.isUnacknowledged(key, copy)) {
      this.process?.delete(key.id);
      return false;
    }
    if (!this.process) return true;
    if (!nearby || copy.storeOnly) {
      this.process.delete(key.id); // what others have kept here is older
      return true;
    }
    const held = this.process.peek(key.id);
    if (held && held.mark > copy.mark) {
      if (!held.isSameEntry(copy)) this.process.delete(key.id);
      return true;
    }
    const { id, text } = key;
    const name = feedName(text);
    this.process.set(id, copy.markedAt(this.coherence.names.advance()), name === text ? undefined : name);
    if (channels.backfilled.hasSubscribers) {
      channels.backfilled.publish({ cache: this.cache, key: key.text, tier: 'process' });
    }
    return true;
  }

  /** Whether the key or one of the tags was invalidated since that position. */
  namedSince(key: Key, tags: NearCopy['tags'], position: number): boolean {
    const { names } = this.coherence;
    if (!names.anyNamedSince(position)) return false;
    return names.namedSince(this.coherence.nameOf(key), position) || this.tagNamedSince(tags, position);
  }

  /** As `namedSince`, but for what a request holds alone: another request's load with a life of 0 says nothing of it. */
  invalidatedSince(key: Key, tags: NearCopy['tags'], position: number): boolean {
    const { names } = this.coherence;
    return names.invalidatedSince(this.coherence.nameOf(key), position) || this.tagNamedSince(tags, position);
  }

  tagNamedSince(tags: NearCopy['tags'], position: number): boolean {
    return tags.some(({ tag }) => this.coherence.names.namedSince(tagName(tag), position));
  }

  /**
   * Whether something that the request has read was invalidated since. What had to be forgotten counts as named by any name.
   * @param loaded what is being loaded now, by id: that is read anew.
   */
  wasInvalidated(held: RequestTier, loaded: ReadonlySet<string>): boolean {
    const { names } = this.coherence;
    if (names.anyNamedSince(held.forgottenMark)) return true;
    for (const [id, { mark, tags }] of held.reads()) {
      if (!names.anyNamedSince(mark) || loaded.has(id)) continue;
      if (names.invalidatedSince(feedName(textOfId(id)), mark) || this.tagNamedSince(tags, mark)) return true;
    }
    return false;
  }

  /** The open request was given this, and does not answer from it: what it loads later may be built on it. */
  noteForRequest(key: Key, read: Read): void {
    const tier = this.held;
    if (!tier || tier.get(key.id) === read) return;
    tier.note(key.id, read);
  }

  /** As `keep`, for the open request alone: it does not go back either. */
  keepForRequest(key: Key, copy: NearCopy): void {
    const tier = this.held;
    if (!tier) return;
    const held = tier.get(key.id);
    if (held && held.mark > copy.mark) {
      if (held.isSameEntry(copy)) return;
      tier.delete(key.id);
      this.noteForRequest(key, copy);
      return;
    }
    if (copy !== this.process?.peek(key.id)) copy.markedAt(this.coherence.names.advance());
    tier.set(key.id, copy);
  }

  /** This process invalidated the key: its copies here go, and what is on its way is not kept. */
  name(key: Key): void {
    this.coherence.names.name(this.coherence.nameOf(key));
    this.drop(key);
  }

  /** A load with a life of 0 takes what is shared away. */
  withdraw(key: Key): void {
    this.coherence.names.withdraw(this.coherence.nameOf(key));
    this.drop(key);
  }

  /** Another process invalidated these, says the feed. Requests under way go on with what they have read. */
  applyNames(names: readonly string[]): void {
    for (const name of names) {
      if (isTagName(name)) {
        this.nameTag(tagIn(name), 'remote');
        tellInvalidated(this.cache, 'remote', 'tag', [tagIn(name)]);
        continue;
      }
      this.coherence.names.name(name);
      if (name.startsWith('~')) this.process?.deleteAlias(name);
      this.process?.delete(idOfText(name));
      tellInvalidated(this.cache, 'remote', 'key', [name]);
    }
  }

  /** Something in this shard's feed was missed. */
  applyGap(feed: ShardFeed, reason: string): void {
    this.coherence.names.nameAll();
    const entries = this.process?.deleteCovered(feed.trust) ?? 0;
    if (channels.nearCleared.hasSubscribers) {
      channels.nearCleared.publish({ cache: this.cache, shard: feed.shard.name, reason, entries });
    }
  }

  nameTag(tag: string, origin: 'local' | 'remote'): void {
    this.coherence.names.name(tagName(tag));
    this.process?.deleteTagged(tag);
    const held = origin === 'local' ? this.held : undefined;
    if (!held) return;
    for (const [id, copy] of held.entries()) {
      if (copy.tags.some((known) => known.tag === tag)) held.drop(id);
    }
  }

  clear(): void {
    this.coherence.names.nameAll();
    this.process?.clear();
    this.held?.clear();
  }

  /** What the open request holds. */
  private get held(): RequestTier | undefined {
    const scope = this.scope.current();
    return scope && this.ofRequest(scope);
  }

  private ofRequestVerdict(copy: NearCopy, asked: Serving | undefined, now: number): Verdict {
    return verdictOf(copy, { serving: copy.serving }, asked, now);
  }

  private ofProcessVerdict(copy: NearCopy, asked: Serving | undefined, now: number): Verdict {
    if (now >= copy.nearUntil) return 'absent';
    const standing = { serving: copy.serving, trustedUntil: copy.trust.until };
    return verdictOf(copy, standing, asked, now);
  }

  private isUnacknowledged(key: Key, { tags }: NearCopy): boolean {
    const { outbox } = this.coherence;
    if (outbox.isEmpty) return false;
    return outbox.has(this.coherence.nameOf(key)) || tags.some(({ tag }) => outbox.has(tagName(tag)));
  }

  private drop(key: Key): void {
    this.process?.delete(key.id);
    this.held?.drop(key.id);
  }
}
