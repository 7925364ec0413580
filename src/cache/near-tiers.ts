import { tagName } from '../tier/fence.js';
import type { NearCopy } from '../tier/near-copy.js';
import type { ProcessTier } from '../tier/process-tier.js';
import type { ScopeState } from '../tier/request-scope.js';
import { freshnessAt } from '../value/entry.js';
import type { TierName } from '../value/lookup.js';
import { channels } from '../value/events.js';
import type { Isolation } from '../codec/codec.js';
import { idOfText } from '../key/key.js';
import type { Key } from '../key/key.js';
import type { LogName } from '../coherence/log-slot.js';
import type { ShardLog } from '../coherence/shard-log.js';
import type { CacheParts } from './cache-parts.js';
import type { Landed } from './flight.js';

/** What of a policy decides whether a near copy will do. */
export interface NearPolicy {
  readonly version: string | undefined;
  readonly isolation: Isolation;
  readonly nearby: boolean;
  readonly codec: { readonly name: string };
}

export interface NearFinding<V> {
  readonly copy: NearCopy<V>;
  readonly tier: TierName;
}

/** The request and process tiers of one cache, nearest first. */
export class NearTiers {
  constructor(private readonly parts: CacheParts) {}

  /** The copies of this cache in the open request, by id. */
  ofRequest(scope: ScopeState): Map<string, NearCopy> {
    return scope.tierOf(this.parts);
  }

  /**
   * The nearest copy that this look-up may be served, fresh or stale. Believes the process tier only as far as the log has been read;
   * see {@link recall} for reading on.
   */
  find<V>(id: string, policy: NearPolicy): NearFinding<V> | undefined {
    const now = this.parts.clock.now();
    const scope = this.parts.scope.current();
    const held = scope && this.ofRequest(scope).get(id);
    if (held && suits(held, policy, now)) return { copy: held as NearCopy<V>, tier: 'request' };
    if (scope?.forced) return undefined;
    const copy = this.parts.process?.get(id);
    if (!copy || now >= copy.trust.until || !suits(copy, policy, now)) return undefined;
    return { copy: copy as NearCopy<V>, tier: 'process' };
  }

  /** Whether the process holds a copy that the log has not vouched for of late. */
  isDoubtful(id: string): boolean {
    const copy = this.parts.process?.get(id);
    return copy !== undefined && this.parts.clock.now() >= copy.trust.until;
  }

  /** As `find`; where the process holds a copy that the log has not vouched for of late, the log is read first. */
  async recall<V>(key: Key, policy: NearPolicy): Promise<NearFinding<V> | undefined> {
    const copy = this.parts.process?.get(key.id);
    if (copy && this.parts.store && this.parts.clock.now() >= copy.trust.until) {
      await Promise.all(
        this.parts.store.shards
          .map((shard) => this.parts.logOf(shard))
          .filter(({ trust }) => copy.trust.covers(trust))
          .map((log) => log.poll()),
      );
    }
    return this.find(key.id, policy);
  }

  /** What `peek` may show: fresh or stale, as long as it is believed. */
  peek(id: string): unknown {
    const now = this.parts.clock.now();
    const scope = this.parts.scope.current();
    const held = scope && this.ofRequest(scope).get(id);
    if (held && now < held.staleUntil) return held.read();
    const copy = scope?.forced ? undefined : this.parts.process?.get(id);
    return copy && now < copy.staleUntil && now < copy.trust.until ? copy.read() : undefined;
  }

  /**
   * Keeps a copy in the process tier, unless its key or one of its tags was invalidated since the read or load began.
   * @param position the fence's position at that beginning.
   */
  keep(key: Key, copy: NearCopy, policy: NearPolicy, position: number): boolean {
    const { process, unacknowledged } = this.parts;
    const named = this.namedSince(key, copy, position) || unacknowledged.has(key.id);
    if (named || copy.tags.some(({ tag }) => unacknowledged.has(tagName(tag)))) {
      this.dropAfterRefusal(key);
      return false;
    }
    const name = this.parts.nameOf(key);
    if (!process || !policy.nearby || this.holdsNewer(process, key, copy)) return true;
    if (name !== key.text) copy.alias = name;
    process.set(key.id, copy);
    if (channels.backfilled.hasSubscribers) {
      channels.backfilled.publish({ cache: this.parts.name, key: key.text, tier: 'process' });
    }
    return true;
  }

  /**
   * 1. a look-up reads the store; 2. another process deletes the key; 3. a load here finds it gone, fills it and is kept; 4. the look-up's
   * answer comes, older than what is served here by now, and before the log has named the key.
   */
  private holdsNewer(process: ProcessTier, key: Key, { createdAt }: NearCopy): boolean {
    const held = process.get(key.id);
    if (!held || held.createdAt <= createdAt) return false;
    const now = this.parts.clock.now();
    return now < held.servedUntil && now < held.trust.until;
  }

  /**
   * For a value that its callers are given and that is not kept: nobody here is served an older one after it. Which of the two is older can't
   * be known, so what is held goes.
   *
   * 1. A load begins; 2. its key is named, so later look-ups don't join it; 3. one of them reads an older value from the store, which is kept;
   * 4. another process deletes the key; 5. the load returns the new value, and its fill is refused; 6. the log has not been read since 4.
   */
  dropAfterRefusal({ id }: Key): void {
    this.parts.process?.delete(id);
  }

  /** Whether the key or a tag of the copy was invalidated since that position. */
  namedSince(key: Key, copy: NearCopy, position: number): boolean {
    return this.parts.fence.namedSince(this.parts.nameOf(key), position) || this.tagNamedSince(copy, position);
  }

  /** As `namedSince`, but for what a request holds alone: another request's load with a life of 0 says nothing of it. */
  invalidatedSince(key: Key, copy: NearCopy, position: number): boolean {
    return this.parts.fence.invalidatedSince(this.parts.nameOf(key), position) || this.tagNamedSince(copy, position);
  }

  private tagNamedSince({ tags }: NearCopy, position: number): boolean {
    return tags.some(({ tag }) => this.parts.fence.namedSince(tagName(tag), position));
  }

  /**
   * As `keep`, for the open request: 1. it begins a load; 2. it deletes the key; 3. the load comes back, and must not be read again.
   * @param position the fence's position when the request asked.
   */
  keepLoadedForRequest(key: Key, { copy, keptForRequest, withdrawnAt }: Landed, position: number): void {
    if (!copy || !keptForRequest) return;
    const overtaken =
      withdrawnAt === undefined ? this.namedSince(key, copy, position) : this.invalidatedSince(key, copy, withdrawnAt);
    if (!overtaken) this.keepForRequest(key.id, copy);
  }

  keepForRequest(id: string, copy: NearCopy): void {
    const scope = this.parts.scope.current();
    if (scope) this.ofRequest(scope).set(id, copy);
  }

  /** This process invalidated the key: its copies here go, and what is on its way is not kept. */
  name(key: Key): void {
    this.parts.fence.name(this.parts.nameOf(key));
    this.drop(key);
  }

  /** A load with a life of 0 takes what is shared away. */
  withdraw(key: Key): void {
    this.parts.fence.withdraw(this.parts.nameOf(key));
    this.drop(key);
  }

  private drop(key: Key): void {
    this.parts.process?.delete(key.id);
    const scope = this.parts.scope.current();
    if (scope) this.ofRequest(scope).delete(key.id);
    if (channels.invalidated.hasSubscribers) {
      channels.invalidated.publish({ cache: this.parts.name, key: key.text, origin: 'local' });
    }
  }

  /** Another process invalidated these, says the log. Requests under way go on with what they have read. */
  applyNames(names: readonly LogName[]): void {
    const { fence, process } = this.parts;
    for (const name of names) {
      if ('tag' in name) {
        this.nameTag(name.tag, 'remote');
        continue;
      }
      fence.name(name.key);
      if (name.key.startsWith('~')) process?.deleteAlias(name.key);
      else process?.delete(idOfText(name.key));
      if (channels.invalidated.hasSubscribers) {
        channels.invalidated.publish({ cache: this.parts.name, key: name.key, origin: 'remote' });
      }
    }
  }

  /** Something in this shard's log was missed. */
  applyGap(log: ShardLog, reason: string): void {
    this.parts.fence.nameAll();
    const entries = this.parts.process?.deleteCovered(log.trust) ?? 0;
    if (channels.nearCleared.hasSubscribers) {
      channels.nearCleared.publish({ cache: this.parts.name, shard: log.shard.name, reason, entries });
    }
  }

  nameTag(tag: string, origin: 'local' | 'remote'): void {
    const { fence, process, scope } = this.parts;
    fence.name(tagName(tag));
    process?.deleteTagged(tag);
    const state = origin === 'local' ? scope.current() : undefined;
    if (!state) return;
    const held = this.ofRequest(state);
    for (const [id, copy] of held) if (copy.tags.some((known) => known.tag === tag)) held.delete(id);
    state.notesOf(this.parts).delete(tag);
  }

  clear(): void {
    this.parts.fence.nameAll();
    this.parts.process?.clear();
    const scope = this.parts.scope.current();
    if (scope) this.ofRequest(scope).clear();
  }
}

function suits(copy: NearCopy, policy: NearPolicy, now: number): boolean {
  return (
    freshnessAt(copy, now) !== undefined &&
    (policy.version === undefined || copy.version === policy.version) &&
    copy.isolation === policy.isolation &&
    copy.codecName === policy.codec.name
  );
}
