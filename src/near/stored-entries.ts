import type { EntryPolicy, Serving } from '../catalogue/entry-policy.js';
import type { Codec } from '../codec/codec.js';
import { openEnvelope } from '../codec/envelope.js';
import type { Envelope, EnvelopeHead } from '../codec/envelope.js';
import { notesEnd } from '../codec/noted-end.js';
import type { Coherence } from '../coherence/coherence.js';
import { tagName } from '../coherence/invalidated-names.js';
import type { Placed } from '../coherence/placed.js';
import type { ShardFeed } from '../coherence/shard-feed.js';
import { BlindTrust, CombinedTrust, lastingTrust } from '../coherence/trust.js';
import type { Trust } from '../coherence/trust.js';
import { standingOf } from '../coherence/tag-generations.js';
import type { TagStanding } from '../coherence/tag-generations.js';
import type { Key } from '../key/key.js';
import type { ItemView, StoredItem } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { TagGeneration } from '../value/entry.js';
import { UndecodableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { lastingCopy } from '../value/lasting-copy.js';
import type { MissReason } from '../value/lookup.js';
import { copyBytes } from './copy-bytes.js';
import { assertDepth } from './freeze.js';
import { NearCopy } from './near-copy.js';
import type { TagNotes } from './tag-notes.js';
import { isServable, verdictOf } from './verdict.js';
import type { Verdict } from './verdict.js';

/** A stored item, understood: the copy, or why it is none. Bytes that are none will never be served by any process of this version. */
export type Understood<V> = { readonly copy: NearCopy<V> } | { readonly miss: MissReason };

/** Between the bytes of a store and copies that can be served. */
export class StoredEntries {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly notes: TagNotes,
    readonly clock: CacheClock,
    private readonly random: () => number,
    /** False only in tests that show what happens when entries of any generation count. */
    private readonly checksGeneration: boolean,
  ) {}

  /**
   * What this item is worth now: at once where the item alone tells, as most do, and no promise is made for them. Undecodable bytes are a miss of that
   * key and a fault event, never a failure of the store. The feed was read before.
   * @param known generations of the tags that were fetched already; others are fetched if the entry has them.
   * @param mark the position among invalidated names at which the read began.
   * @throws StoreUnavailableError, as a rejection, when a tag can't be read.
   */
  understand<V>(
    placed: Placed,
    item: StoredItem,
    policy: EntryPolicy<V>,
    known: ReadonlyMap<string, number>,
    mark: number,
  ): Understood<V> | Promise<Understood<V>> {
    let envelope: Envelope;
    const now = this.clock.now();
    try {
      envelope = this.open(placed.storeKey, item.bytes, 0, item.bytes.length, item.ageMs, now);
    } catch (cause) {
      return this.undecodable(placed.key, cause);
    }
    if (!this.isOfLater(placed, envelope) && envelope.tags.length === 0) {
      return this.judge(placed, envelope, policy, mark, undefined);
    }
    return this.standingNow(placed, envelope, known).then((tags) => this.judge(placed, envelope, policy, mark, tags));
  }

  /** Made under a generation that this process has not heard of: what it knows is what is outdated. */
  private isOfLater({ feed, space }: Placed, envelope: Envelope): boolean {
    const generation = feed.versions.generationOf(space);
    return generation !== undefined && envelope.generation > generation;
  }

  /** What the tags say, once the generation of the version is known as well. @throws StoreUnavailableError */
  private async standingNow(
    placed: Placed,
    envelope: Envelope,
    known: ReadonlyMap<string, number>,
  ): Promise<TagStanding> {
    const { feed, space } = placed;
    if (this.isOfLater(placed, envelope)) {
      await feed.versions.reread();
      if (feed.versions.generationOf(space) === undefined) await feed.ready();
    }
    return this.tagsStanding(envelope.tags, known);
  }

  /**
   * The copy of an item that lies in borrowed bytes, if the item alone tells that it may be served. Why not is told by `understand`. The bytes
   * are checked and decoded where they lie.
   */
  servableAlone<V>(
    placed: Placed,
    { bytes, start, end, ageMs }: ItemView,
    policy: EntryPolicy<V>,
    mark: number,
    now: number,
  ): NearCopy<V> | undefined {
    try {
      const envelope = this.open(placed.storeKey, bytes, start, end, ageMs, now);
      if (envelope.tags.length > 0) return undefined;
      if (!isServable(this.verdict(placed, envelope, policy.serving, undefined, now))) return undefined;
      const { trust } = placed.feed;
      const { codec, isolation } = policy.serving;
      // What is frozen holds no bytes; what is cloned copies them.
      if (isolation === 'share') return this.copyOf(envelope, lastingCopy(envelope.payload), policy, trust, mark);
      if (isolation === 'clone') return this.copyOf(envelope, envelope.payload, policy, trust, mark);
      const heldBytes = codec.decodedBytes ? codec.decodedBytes(envelope.payload) : envelope.payloadBytes;
      return this.copyOfValue(envelope, envelope.decode(codec), heldBytes, undefined, policy, trust, mark);
    } catch {
      return undefined;
    }
  }

  /** The verdict on an item, as a look-up that asks so would be told. @throws UndecodableError; StoreUnavailableError */
  async explain(
    placed: Placed,
    item: StoredItem,
    asked: Serving | undefined,
  ): Promise<{ envelope: Envelope; verdict: Verdict }> {
    const now = this.clock.now();
    const envelope = this.open(placed.storeKey, item.bytes, 0, item.bytes.length, item.ageMs, now);
    const standing = await this.standingNow(placed, envelope, new Map());
    const verdict = this.verdict(placed, envelope, asked, standing, now);
    const isRefused = asked !== undefined && isServable(verdict) && !canDecode(asked.codec, envelope.payload);
    return { envelope, verdict: isRefused ? 'undecodable' : verdict };
  }

  /**
   * A decoded copy of an entry, to be kept near or handed out.
   * @throws UndecodableError
   */
  copyOf<V>(head: EnvelopeHead, payload: Buffer, policy: EntryPolicy<V>, trust: Trust, mark: number): NearCopy<V> {
    const { codec, isolation } = policy.serving;
    // A view of a socket's buffer would keep the whole buffer alive for as long as the copy.
    const kept = isolation === 'clone' ? lastingCopy(payload) : undefined;
    const decoded = codec.decode(kept ?? payload);
    if (isolation !== 'freeze') assertDepth(decoded);
    // What is decoded for each reader is kept as bytes; everything else as what comes out of them.
    const heldBytes = kept ? kept.length : (codec.decodedBytes?.(payload) ?? payload.length);
    return this.copyOfValue(head, decoded, heldBytes, kept, policy, trust, mark);
  }

  private copyOfValue<V>(
    head: EnvelopeHead,
    decoded: V,
    heldBytes: number,
    kept: Buffer | undefined,
    policy: EntryPolicy<V>,
    trust: Trust,
    mark: number,
  ): NearCopy<V> {
    const { serving, nearTtlMs } = policy;
    if (notesEnd(serving.codec)) {
      const monotonic = this.clock.monotonic() + (head.freshUntil - this.clock.now());
      serving.codec.noteEnd(decoded, { wall: head.freshUntil, monotonic });
    }
    const until = this.servedUntil(head, policy);
    const sizeBytes = copyBytes(head, heldBytes);
    const copy = new NearCopy<V>(head, kept, serving, trust, sizeBytes, decoded, mark, until);
    if (nearTtlMs !== Infinity) copy.nearUntil = this.clock.now() + nearTtlMs;
    return copy;
  }

  /** What a copy's truth depends on: the feed of its key's shard, and those of its tags' shards. */
  trustIn(feed: ShardFeed, tags: readonly TagGeneration[]): Trust {
    if (tags.length === 0 || !this.coherence.tags) return feed.trust;
    const generations = this.coherence.tags;
    const feeds = new Set([feed, ...tags.map(({ tag }) => this.coherence.feedOf(generations.shardOf(tag)))]);
    return feeds.size === 1 ? feed.trust : new CombinedTrust([...feeds].map(({ trust }) => trust));
  }

  /** What a copy's truth depends on that the store had no part in: it was not reached, or is not to hold the key. */
  trustWithoutStore(key: Key, tags: readonly TagGeneration[], createdAt: number): Trust {
    const feed = this.coherence.place(key)?.feed;
    if (!feed) return lastingTrust;
    return new BlindTrust(this.trustIn(feed, tags), createdAt + feed.unreadForMs);
  }

  /** What the tags of an entry say of it: the worst of them. @throws StoreUnavailableError */
  private async tagsStanding(tags: readonly TagGeneration[], known: ReadonlyMap<string, number>): Promise<TagStanding> {
    if (tags.length === 0) return 'stands';
    if (tags.some(({ tag }) => this.coherence.outbox.has(tagName(tag)))) return 'invalidated';
    const unknown = tags.filter(({ tag }) => !known.has(tag)).map(({ tag }) => tag);
    const present = unknown.length > 0 ? new Map([...known, ...(await this.notes.read(unknown))]) : known;
    // A generation that is older than the entry's was read before the entry was made: it is read again before it condemns.
    const doubtful = tags.filter(({ tag, generation }) => (present.get(tag) ?? -1) < generation).map(({ tag }) => tag);
    const anew = doubtful.length === 0 ? undefined : await this.notes.readAnew(doubtful);
    const standings = tags.map(({ tag, generation }) => standingOf(generation, anew?.get(tag) ?? present.get(tag)));
    if (standings.includes('invalidated')) return 'invalidated';
    return standings.includes('expired') ? 'expired' : 'stands';
  }

  private judge<V>(
    placed: Placed,
    envelope: Envelope,
    policy: EntryPolicy<V>,
    mark: number,
    tags: TagStanding | undefined,
  ): Understood<V> {
    const { feed, key } = placed;
    const now = this.clock.now();
    const verdict = this.verdict(placed, envelope, policy.serving, tags, now);
    if (!isServable(verdict)) {
      if (verdict !== 'undecodable') return { miss: verdict === 'untrusted' ? 'unavailable' : verdict };
      return this.undecodable(key, new UndecodableError(`Stored by the ${envelope.codec} codec.`));
    }
    // An expiry of one of its tags ends its freshness, and nothing else.
    const head =
      tags === 'expired' ? envelope.endingAt(Math.min(envelope.freshUntil, now), envelope.staleUntil) : envelope;
    try {
      return { copy: this.copyOf(head, envelope.payload, policy, this.trustIn(feed, envelope.tags), mark) };
    } catch (cause) {
      return this.undecodable(key, cause);
    }
  }

  private verdict(
    { feed, space }: Placed,
    envelope: Envelope,
    asked: Serving | undefined,
    tags: TagStanding | undefined,
    now: number,
  ): Verdict {
    const generation = this.checksGeneration ? (feed.versions.generationOf(space) ?? -1) : undefined;
    const standing = { generation, codecName: envelope.codec, tags };
    return verdictOf(envelope, standing, asked, now);
  }

  /** The entry, dated by this process's clock: what is left of it is no more than what any clock says. */
  private open(
    storeKey: string,
    bytes: Buffer,
    start: number,
    end: number,
    ageMs: number | undefined,
    now: number,
  ): Envelope {
    const envelope = openEnvelope(storeKey, bytes, start, end);
    const { createdAt, freshUntil, staleUntil } = envelope;
    if (freshUntil === Infinity) return envelope;
    const leftMs = Math.min(freshUntil - now, freshUntil - createdAt - Math.floor(ageMs ?? 0));
    if (now + leftMs === freshUntil) return envelope;
    return envelope.endingAt(now + leftMs, now + leftMs + (staleUntil - freshUntil));
  }

  private undecodable(key: Key, cause: unknown): { readonly miss: 'undecodable' } {
    const message = 'Stored bytes could not be read.';
    reportFault({ source: this.cache, kind: 'undecodable', message, key: key.text, cause: withoutValue(cause) });
    return { miss: 'undecodable' };
  }

  /**
   * XFetch (Vattani, Chierichetti, Lowenstein, VLDB'15): refresh when now − cost · β · ln(random) reaches the end of life. The number
   * is drawn once for each copy instead of at each read, which spreads the refreshes of a fleet in the same way and costs a hit nothing.
   */
  private servedUntil<V>({ createdAt, freshUntil, loadCostMs }: EnvelopeHead, policy: EntryPolicy<V>): number {
    const { earlyRefresh, refreshAfter } = policy;
    if (freshUntil === Infinity || (earlyRefresh === 0 && refreshAfter === 0)) return freshUntil;
    const fixed = refreshAfter === 0 ? freshUntil : createdAt + refreshAfter * (freshUntil - createdAt);
    if (earlyRefresh === 0) return fixed;
    const draw = Math.max(this.random(), Number.MIN_VALUE);
    return Math.min(fixed, freshUntil + loadCostMs * earlyRefresh * Math.log(draw));
  }
}

function canDecode(codec: Codec<unknown>, payload: Buffer): boolean {
  try {
    codec.decode(payload);
    return true;
  } catch {
    return false;
  }
}

/** What a decoder threw, without what it may quote: a parser's message, and its causes, hold parts of what was stored. */
function withoutValue(cause: unknown): UndecodableError {
  if (cause instanceof UndecodableError) return new UndecodableError(cause.message);
  return new UndecodableError(`The codec threw ${cause instanceof Error ? `a ${cause.name}` : 'what is no error'}.`);
}
