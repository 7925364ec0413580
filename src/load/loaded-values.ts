import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { resolveInstants } from '../catalogue/instants.js';
import { encodeFor } from '../codec/encode-for.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import { sealEnvelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { FillLease } from '../origin/fill-lease.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { TagGeneration } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels, reportFault } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import type { Landed } from './flight.js';
import type { LoadReads } from './load-reads.js';
import { LoadTags } from './load-tags.js';
import { ShortLives } from './short-lives.js';

/** What was true when a load began, and what it may do with its result. */
export interface LoadStart {
  /** On the monotonic clock: life counts from here. */
  readonly startedAt: number;
  /** The position among invalidated names. */
  readonly mark: number;
  /** The generation that entries of this version carry on the key's shard. */
  readonly generation: number;
  /** Where the entry goes; absent without a store, or when it can't be reached. */
  readonly placed: Placed | undefined;
  /** The right to fill; a load without one is kept near at most. */
  readonly lease: FillLease | undefined;
  /** The generations of the policy's tags; absent when they could not be read, and then nothing with tags is kept. */
  readonly tags: readonly TagGeneration[] | undefined;
  /** `forced`: other processes are told of its result. `refresh`: something is served meanwhile, which goes where there is none any more. */
  readonly cause: LoadCause;
}

/** Why a load began: nothing was there; what is there gets old; whatever is there was not wanted. */
export type LoadCause = 'miss' | 'refresh' | 'forced';

/** Decides what becomes of a loaded value: which tiers keep it, for how long, and what its callers are given. */
export class LoadedValues {
  private readonly shortLives: ShortLives;
  private readonly tags: LoadTags;

  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly clock: CacheClock,
    private readonly random: () => number,
    notes: TagNotes,
  ) {
    this.shortLives = new ShortLives(cache);
    this.tags = new LoadTags(coherence, notes);
  }

  /** Notes what is true now, after the lease was won. Called before the loader is. */
  async begin(
    placed: Placed | undefined,
    lease: FillLease | undefined,
    tags: readonly string[],
    cause: LoadCause = 'miss',
  ): Promise<LoadStart> {
    const start = {
      startedAt: this.clock.monotonic(),
      mark: this.coherence.names.position,
      generation: placed?.feed.versions.generationOf(placed.space) ?? 0,
      placed,
      lease,
      cause,
      tags: noTags,
    };
    return tags.length === 0 ? start : { ...start, tags: await this.tags.atStart(tags, placed) };
  }

  /**
   * Every caller gets the decoded copy, whether it is kept or not.
   * @param added tags that the loader named meanwhile.
   * @throws UnencodableValueError and what `ttl`, `cacheIf` or a validator throw; the lease is given back then.
   */
  async keep<V>(
    key: Key,
    value: V | undefined,
    start: LoadStart,
    policy: EntryPolicy<V>,
    reads: LoadReads,
    added: readonly string[],
  ): Promise<Landed<V>> {
    try {
      if (value === undefined) return await this.keepNothing(key, start);
      return await this.keepValue(key, value, start, policy, reads, added);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      await this.release(() => start.lease?.giveBack());
      throw error;
    }
  }

  /** There is none: nothing is stored, and what was stored before and still served is no longer so. */
  async keepNothing(key: Key, start: LoadStart): Promise<Landed<never>> {
    const { lease, placed } = start;
    const replaces = start.cause !== 'miss' || lease?.standing === true;
    if (!replaces && !this.near.holds(key.id)) {
      await this.release(() => lease?.giveBack());
      return nothing;
    }
    this.near.name(key);
    await this.removeShared(key, start);
    if (placed && !lease?.standing && replaces) await this.release(() => this.remove(placed));
    return nothing;
  }

  private async keepValue<V>(
    key: Key,
    value: V,
    start: LoadStart,
    policy: EntryPolicy<V>,
    reads: LoadReads,
    added: readonly string[],
  ): Promise<Landed<V>> {
    const payload = encodeFor(key, policy.serving.codec, value);
    const tags = await this.tags.of(start, policy, reads, added);
    const loadCostMs = Math.max(0, this.clock.monotonic() - start.startedAt);
    const now = this.clock.now();
    // Dated at the end, by what the load took: a wall clock that was stepped meanwhile changes no life.
    const createdAt = now - Math.floor(loadCostMs);
    const { freshUntil, staleUntil } = resolveInstants(policy.life, value, createdAt, this.random);
    const { version } = policy.serving;
    const head: EnvelopeHead = {
      codec: policy.serving.codec.name,
      createdAt,
      freshUntil,
      staleUntil,
      loadCostMs,
      generation: start.generation,
      ...(version === undefined ? undefined : { version }),
      ...(policy.nearby ? undefined : { storeOnly: true }),
      // Not stored without their generations; the request still drops the copy by their names.
      tags: tags ?? policy.tags.map((tag) => ({ tag, generation: 0 })),
    };
    if (freshUntil <= createdAt) return this.keepForRequest(key, head, payload, start, policy);
    const copy = this.copyOf(key, head, payload, start, policy);
    if (policy.cacheIf?.(value) === false) {
      await this.release(() => start.lease?.giveBack());
      return { copy, keptForRequest: false };
    }
    if (reads.needsThought && !(await reads.mayKeep())) return this.keepNowhere(key, copy, start, 'unverified');
    if (now >= staleUntil) {
      this.shortLives.note(key);
      return this.keepNowhere(key, copy, start, 'expired');
    }
    return this.store(key, copy, head, payload, start, policy, tags !== undefined);
  }

  private async store<V>(
    key: Key,
    copy: NearCopy<V>,
    head: EnvelopeHead,
    payload: Uint8Array,
    start: LoadStart,
    policy: EntryPolicy<V>,
    isTagged: boolean,
  ): Promise<Landed<V>> {
    const { placed, lease } = start;
    if (isTagged && policy.shared && placed && lease) {
      const stored = await this.fill(placed, lease, head, payload, policy);
      if (stored === 'refused') {
        this.near.dropAfterRefusal(key);
        return { copy, keptForRequest: true };
      }
    } else {
      await this.release(() => lease?.giveBack());
      if (!lease && placed) this.refused(key, 'no-lease');
    }
    if (start.cause === 'forced' && placed) await this.release(() => this.tell(placed));
    if (isTagged && !this.near.keep(key, copy, policy)) this.refused(key, 'invalidated');
    return { copy, keptForRequest: true };
  }

  /** Its callers get the value, and nobody else does. */
  private async keepNowhere<V>(
    key: Key,
    copy: NearCopy<V>,
    { lease }: LoadStart,
    reason: 'unverified' | 'expired',
  ): Promise<Landed<V>> {
    await this.release(() => lease?.giveBack());
    this.near.dropAfterRefusal(key);
    this.refused(key, reason);
    return { copy, keptForRequest: reason === 'expired', unverified: reason === 'unverified' };
  }

  /** `ttl: 0`: this request may go on with it; whatever others share under this key goes. */
  private async keepForRequest<V>(
    key: Key,
    head: EnvelopeHead,
    payload: Uint8Array,
    start: LoadStart,
    policy: EntryPolicy<V>,
  ): Promise<Landed<V>> {
    const lasting = { ...head, freshUntil: Infinity, staleUntil: Infinity };
    const copy = this.copyOf(key, lasting, payload, start, policy);
    const keptForRequest = !this.near.invalidatedSince(key, copy.tags, start.mark);
    this.near.withdraw(key);
    const withdrawnAt = this.coherence.names.position;
    await this.removeShared(key, start);
    return { copy, keptForRequest, withdrawnAt };
  }

  /** After the key was named: whoever reads the store meanwhile does not keep it. */
  private async removeShared(key: Key, { lease, placed }: LoadStart): Promise<void> {
    await this.release(() => lease?.removeItem());
    if (lease?.standing && placed) await this.release(() => this.tell(placed));
  }

  private copyOf<V>(
    key: Key,
    head: EnvelopeHead,
    payload: Uint8Array,
    start: LoadStart,
    policy: EntryPolicy<V>,
  ): NearCopy<V> {
    const trust = start.placed
      ? this.entries.trustIn(start.placed.feed, head.tags)
      : this.entries.trustWithoutStore(key, head.tags, head.createdAt);
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return this.entries.copyOf(head, bytes, policy, trust, start.mark);
  }

  private async fill<V>(
    placed: Placed,
    lease: FillLease,
    head: EnvelopeHead,
    payload: Uint8Array,
    policy: EntryPolicy<V>,
  ): Promise<'stored' | 'refused' | 'unknown'> {
    const { key, storeKey } = placed;
    const lifeMs = storedLifeMs(this.coherence.store, policy.idleMs, head.staleUntil, this.clock.now());
    try {
      const outcome = await lease.fill(sealEnvelope(storeKey, head, payload), lifeMs);
      if (outcome.status === 'stored') return 'stored';
      if (outcome.status !== 'too-large') {
        this.refused(key, 'lease-lost');
        return 'refused';
      }
      this.refused(key, 'too-large');
      const message = `Larger than the ${outcome.maxBytes} bytes that the store takes.`;
      reportFault({ source: this.cache, kind: 'too-large', message, key: key.text });
      await this.tell(placed);
      return 'unknown';
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.refused(key, 'unavailable');
      return 'unknown';
    }
  }

  private tell({ shard, key, name, storeKey }: Placed): Promise<unknown> {
    const item = { name: { key: name }, text: key.text, storeKey, keeps: true };
    return this.coherence.invalidationsOf(shard).send([item], this.clock.now());
  }

  private remove({ shard, key, name, storeKey }: Placed): Promise<unknown> {
    const item = { name: { key: name }, text: key.text, storeKey };
    return this.coherence.invalidationsOf(shard).send([item], this.clock.now());
  }

  /** Giving back is a courtesy: what can't be given back runs out by itself. */
  private async release(give: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await give();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  private refused(key: Key, reason: CacheEvents['loadRefused']['reason']): void {
    if (channels.loadRefused.hasSubscribers) channels.loadRefused.publish({ cache: this.cache, key: key.text, reason });
  }
}

const noTags: readonly TagGeneration[] = Object.freeze([]);
const nothing: Landed<never> = { copy: undefined, keptForRequest: false, none: true };
