import type { Coherence } from '../coherence/coherence.js';
import type { TagGeneration } from '../value/entry.js';
import { NearTiers } from '../near/near-tiers.js';
import type { HeldTiers, RequestTier } from '../near/request-scope.js';

/** What the request had read through one cache when the load began, and reads beside it. */
interface ReadBefore {
  readonly near: NearTiers;
  readonly held: RequestTier;
}

/** Tags of one entry in all, those of its loader's reads included. */
export const maxInheritedTags = 64;

/**
 * What one load has read through the caches of this process. No load builds on what is not verified since it began:
 *
 * 1. A removes `inner` and `outer` from the store; 2. B misses `outer` and wins its lease; 3. B's loader is given `inner` from its process tier,
 * since the feed has not been read since 1; 4. B fills `outer`: its lease stands, and everyone reads a page of old parts for its whole life.
 *
 * So a near copy is served to a loader only after a reading of the feed that was sent since the load began. What the store is asked for since needs none.
 */
export class LoadReads {
  private readonly verifications = new Map<Coherence, Promise<boolean>>();
  private readonly verifiedCaches = new Set<Coherence>();
  private isTainted = false;
  private readonly inherited = new Map<Coherence, Map<string, number>>();
  private readonly before: readonly ReadBefore[];

  /**
   * Made when the load begins: when its leases, and its tags' generations, have been answered.
   * @param loaded what it loads, by id.
   * @param held by the request that asked: what that has read before counts as read by the load.
   * @param staleAt what is stale then is not built on. Undefined for a refresh: of a page's stale parts, each would keep the others from being kept.
   * @param own of the cache that it loads for.
   * @param verifies false only in tests that show what happens when loads build on whatever is near.
   */
  constructor(
    private readonly loaded: ReadonlySet<string>,
    held: HeldTiers | undefined,
    staleAt: number | undefined,
    private readonly own: Coherence,
    private readonly verifies = true,
  ) {
    this.before = held && verifies ? this.readBefore(held, staleAt) : none;
    for (const { near } of this.before) void this.verify(near.coherence);
  }

  /** True: what is near in that cache by now was true when the load began, or later. False: it can't be known. */
  verify(coherence: Coherence): Promise<boolean> {
    if (!this.verifies) return verified;
    // Nothing near is served then, and nothing depends on it.
    if (!coherence.vouches) return unverified;
    let verification = this.verifications.get(coherence);
    if (!verification) {
      verification = coherence.verify();
      void verification.then((isTrue) => isTrue && this.verifiedCaches.add(coherence));
      this.verifications.set(coherence, verification);
    }
    return verification;
  }

  /**
   * Whether what it reads through that cache has to be verified, wherever it comes from: 1. A clears the cache of `inner`, which leaves items where they are;
   * 2. B, which does not know, is given `inner` by the store; 3. what it makes of it goes into a cache that nobody has cleared. Where that is the same
   * cache, it goes where `inner` went.
   */
  readsAnother(coherence: Coherence): boolean {
    return this.verifies && coherence !== this.own && coherence.vouches;
  }

  /** Whether `verify` has said so already. */
  isVerified(coherence: Coherence): boolean {
    return !this.verifies || this.verifiedCaches.has(coherence);
  }

  /** The loader was given something that may not be true any more: its result is answered, and not kept. */
  taint(): void {
    this.isTainted = true;
  }

  /** The tags of what the loader was given, as the entry recorded them. The oldest generation counts. */
  inherit(coherence: Coherence, tags: readonly TagGeneration[]): void {
    if (tags.length === 0) return;
    let known = this.inherited.get(coherence);
    if (!known) this.inherited.set(coherence, (known = new Map<string, number>()));
    for (const { tag, generation } of tags) known.set(tag, Math.min(generation, known.get(tag) ?? Infinity));
  }

  inheritedFrom(coherence: Coherence): TagGeneration[] {
    return [...(this.inherited.get(coherence) ?? [])].map(([tag, generation]) => ({ tag, generation }));
  }

  /** Whether anything needs a second thought before the result is kept. */
  get needsThought(): boolean {
    return this.isTainted || this.verifications.size > 0;
  }

  /** Whether all that the result was built on is known to have been true since the load began. */
  async mayKeep(): Promise<boolean> {
    for (const verification of this.verifications.values()) if (!(await verification)) return false;
    return !this.isTainted && !this.before.some(({ near, held }) => near.wasInvalidated(held, this.loadedIn(near)));
  }

  /** The caches through which the request has read before. One that nobody vouches for can't be verified: its docs say so. */
  private readBefore(tiers: HeldTiers, staleAt = -Infinity): ReadBefore[] {
    const before: ReadBefore[] = [];
    for (const [near, held] of tiers) {
      if (!(near instanceof NearTiers) || !near.coherence.vouches) continue;
      const loaded = this.loadedIn(near);
      let hasRead = held.forgottenMark !== Infinity;
      for (const [id, { freshUntil }] of held.reads()) {
        if (loaded.has(id)) continue;
        hasRead = true;
        if (staleAt >= freshUntil) this.taint();
      }
      if (hasRead) before.push({ near, held });
    }
    return before;
  }

  /** What the request had read of it does not count: it is read anew. */
  private loadedIn({ coherence }: NearTiers): ReadonlySet<string> {
    return coherence === this.own ? this.loaded : nothing;
  }
}

const none: readonly ReadBefore[] = [];
const nothing: ReadonlySet<string> = new Set();
const verified = Promise.resolve(true);
const unverified = Promise.resolve(false);
