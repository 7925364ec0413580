import { resolveInstants } from '../catalogue/instants.js';
import { noTags } from '../codec/envelope.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { FillLease } from '../tier/fill-lease.js';
import type { NearCopy } from '../tier/near-copy.js';
import { StoreUnavailableError } from '../value/errors.js';
import type { TagGeneration } from '../value/entry.js';
import { channels, reportFault } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import type { Key } from '../key/key.js';
import { storedLifeMs } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { Landed } from './flight.js';
import type { NearTiers } from './near-tiers.js';
import type { StoredEntries } from './stored-entries.js';

/** What was true when a load began, and what it may do with its result. */
export interface LoadStart {
  /** Wall clock: life counts from here. */
  readonly createdAt: number;
  /** The fence's position. */
  readonly position: number;
  /** The clear generation of the key's shard. */
  readonly generation: number;
  /** Where the entry goes; absent without a store, or when it can't be reached. */
  readonly placed: PlacedKey | undefined;
  /** The right to fill; a load without one is kept near at most. */
  readonly lease: FillLease | undefined;
  /** The generations of the policy's tags; absent when they could not be read, and then nothing with tags is kept. */
  readonly tags: readonly TagGeneration[] | undefined;
  /** The load began for a forced miss: other processes are told of its result. */
  readonly forced: boolean;
}

/** Decides what becomes of a loaded value: which tiers keep it, for how long, and what its callers are given. */
export class Keeper {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
  ) {}

  /** Notes what is true now. Called before the loader is. */
  async begin(
    placed: PlacedKey | undefined,
    lease: FillLease | undefined,
    tags: readonly string[],
    forced = false,
  ): Promise<LoadStart> {
    const start = this.beginUntagged(placed, lease, forced);
    return tags.length === 0 ? start : { ...start, tags: await this.tagsAtStart(tags, placed) };
  }

  /** As `begin`, for what has no tags. */
  beginUntagged(placed: PlacedKey | undefined, lease: FillLease | undefined, forced: boolean): LoadStart {
    return {
      createdAt: this.parts.clock.now(),
      position: this.parts.fence.position,
      generation: placed?.log.generation ?? 0,
      placed,
      lease,
      forced,
      tags: noTags,
    };
  }

  /** Read again, not taken from what the look-up knew: an invalidation in between belongs to the load. */
  private async tagsAtStart(
    tags: readonly string[],
    placed: PlacedKey | undefined,
  ): Promise<readonly TagGeneration[] | undefined> {
    if (!placed) return tags.map((tag) => ({ tag, generation: 0 })); // kept near at most, where tags are dropped by name
    try {
      this.entries.forgetGenerations(tags);
      const generations = await this.entries.generationsOf(tags);
      return tags.map((tag) => ({ tag, generation: generations.get(tag) as number }));
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  /**
   * Every caller gets the decoded copy, whether it is kept or not.
   * @throws UnencodableValueError and what `ttl`, `cacheIf` or a validator throw; the lease is given back then.
   */
  async keep<V>(key: Key, value: V | undefined, start: LoadStart, policy: EntryPolicy<V>): Promise<Landed<V>> {
    try {
      if (value === undefined) return await this.keepNothing(key, start);
      return await this.keepValue(key, value, start, policy);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      await this.release(() => start.lease?.giveBack());
      throw error;
    }
  }

  private async keepValue<V>(key: Key, value: V, start: LoadStart, policy: EntryPolicy<V>): Promise<Landed<V>> {
    const payload = policy.codec.encode(value);
    const instants = resolveInstants(policy.life, value, start.createdAt, this.parts.random);
    const now = this.parts.clock.now();
    const head: EnvelopeHead = {
      codec: policy.codec.name,
      createdAt: start.createdAt,
      freshUntil: instants.freshUntil,
      staleUntil: instants.staleUntil,
      loadCostMs: now - start.createdAt,
      generation: start.generation,
      ...(policy.version === undefined ? undefined : { version: policy.version }),
      // Not stored without their generations; the request still drops the copy by their names.
      tags: start.tags ?? policy.tags.map((tag) => ({ tag, generation: 0 })),
    };
    if (instants.freshUntil <= start.createdAt) return this.keepForRequest(key, head, payload, start, policy);
    const copy = this.copyOf(key, head, payload, start, policy);
    if (policy.cacheIf?.(value) === false) {
      await this.release(() => start.lease?.giveBack());
      return { copy, keptForRequest: false };
    }
    if (start.tags && policy.shared && start.placed && start.lease) {
      const stored = await this.fill(
        start.placed,
        start.lease,
        head,
        payload,
        storedLifeMs(this.parts, policy, head, now),
      );
      if (stored === 'refused') {
        this.near.dropAfterRefusal(key);
        return { copy, keptForRequest: true };
      }
    } else {
      await this.release(() => start.lease?.giveBack());
      if (!start.lease && start.placed) this.refused(key, 'no-lease');
    }
    if (start.forced && start.placed)
      await this.release(() => start.placed?.log.append([{ key: this.parts.nameOf(key) }]));
    if (start.tags && !this.near.keep(key, copy, policy, start.position)) this.refused(key, 'invalidated');
    return { copy, keptForRequest: true };
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
    const keptForRequest = !this.near.invalidatedSince(key, copy, start.position);
    this.near.withdraw(key);
    const withdrawnAt = this.parts.fence.position;
    await this.removeShared(key, start);
    return { copy, keptForRequest, withdrawnAt };
  }

  /** There is none: nothing is stored, and what was stored before and still served is no longer so. */
  async keepNothing(key: Key, start: LoadStart): Promise<Landed<never>> {
    if (start.lease?.standing) {
      this.near.name(key);
      await this.removeShared(key, start);
    } else await this.release(() => start.lease?.giveBack());
    return { copy: undefined, keptForRequest: false };
  }

  /** After the key was named: whoever reads the store meanwhile does not keep it. */
  private async removeShared(key: Key, { lease, placed }: LoadStart): Promise<void> {
    await this.release(() => lease?.removeItem());
    if (lease?.standing && placed) await this.release(() => placed.log.append([{ key: this.parts.nameOf(key) }]));
  }

  private copyOf<V>(
    key: Key,
    head: EnvelopeHead,
    payload: Uint8Array,
    start: LoadStart,
    policy: EntryPolicy<V>,
  ): NearCopy<V> {
    const trust = start.placed
      ? this.entries.trustIn(start.placed.log, head.tags)
      : this.entries.trustWithoutStore(key, head.tags, start.createdAt);
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return this.entries.copyOf({ ...head, payload: bytes }, policy, trust);
  }

  private async fill(
    { storeKey, key, log }: PlacedKey,
    lease: FillLease,
    head: EnvelopeHead,
    payload: Uint8Array,
    lifeMs: number,
  ): Promise<'stored' | 'refused' | 'unknown'> {
    if (lifeMs <= 0) {
      await this.release(() => lease.giveBack());
      return 'refused';
    }
    try {
      const outcome = await lease.fill(this.entries.seal(storeKey, head, payload), lifeMs);
      if (outcome.status === 'stored') return 'stored';
      if (outcome.status !== 'too-large') {
        this.refused(key, 'lease-lost');
        return 'refused';
      }
      this.refused(key, 'too-large');
      reportFault({
        source: this.parts.name,
        kind: 'too-large',
        message: `Larger than the ${outcome.maxBytes} bytes that the store takes.`,
        key: key.text,
      });
      await log.append([{ key: this.parts.nameOf(key) }]);
      return 'unknown';
    } catch (error) {
      if (error instanceof StoreUnavailableError) return 'unknown';
      throw error;
    }
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
    if (channels.loadRefused.hasSubscribers)
      channels.loadRefused.publish({ cache: this.parts.name, key: key.text, reason });
  }
}
