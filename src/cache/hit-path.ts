import type { Serving } from '../catalogue/entry-policy.js';
import { isPlainId, Key, toKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import { loadUnderWay } from '../load/flight.js';
import type { NearCopy } from '../near/near-copy.js';
import type { ScopeState } from '../near/request-scope.js';
import { channels, processHitsAreWatched } from '../value/events.js';
import type { CacheRooms } from './cache-rooms.js';
import type { Policies } from './policies.js';

/** The shortest way to an answer. It answers what the verdict would have answered, or nothing. */
export class HitPath {
  constructor(
    private readonly rooms: CacheRooms,
    private readonly policies: Policies,
  ) {}

  /**
   * The near copy that answers without a second look, if there is one. Nearly all calls end here: no promise, object or closure is made
   * on the way, and a coarse clock is read once. It was made for look-ups that ask for the same; what else the verdict asks is asked here as well.
   */
  servable(given: KeyLike): NearCopy | undefined {
    const key = this.asIndexed(given);
    const id = idOf(key);
    if (id === undefined) return undefined; // what is no key is told so by whoever reads it
    const scope = this.rooms.scope.current();
    if (scope !== undefined) return this.servableInScope(scope, key, id);
    const now = this.rooms.clock.coarseNow();
    const copy = this.rooms.process?.get(id);
    if (copy?.promise === undefined || !this.stands(copy, key, now)) return undefined;
    if (processHitsAreWatched()) this.rooms.hits.hit(toKey(key), copy, 'process');
    return copy;
  }

  /** The value of what near tiers hold, for who only looks: that is no use of it, and no event tells of it. */
  peek<V>(given: KeyLike, keyOf: (key: KeyLike) => Key): V | undefined {
    const copy = this.visible(this.asIndexed(given));
    if (copy !== undefined) return copy.read() as V;
    const key = keyOf(given);
    const found = this.rooms.hits.find<V>(key, { serving: this.policies.servingOf(given) as Serving<V> }, false);
    return found && this.rooms.hits.given(key, found.copy);
  }

  /** As `servable`. In a request nothing is answered so. */
  private visible(key: KeyLike): NearCopy | undefined {
    const id = idOf(key);
    if (id === undefined || this.rooms.scope.current() !== undefined) return undefined;
    const now = this.rooms.clock.coarseNow();
    const copy = this.rooms.process?.peek(id);
    return copy !== undefined && this.stands(copy, key, now) ? copy : undefined;
  }

  /** As near tiers index it, made of no more than they need. */
  private asIndexed(key: KeyLike): KeyLike {
    return this.rooms.hidden === undefined ? key : this.rooms.hidden.ofKey(toKey(key));
  }

  private servableInScope(scope: ScopeState, key: KeyLike, id: string): NearCopy | undefined {
    const now = this.rooms.clock.coarseNow();
    const held = this.rooms.near.ofRequest(scope);
    const ofRequest = held.get(id);
    if (ofRequest !== undefined) {
      // What is stale, or was made for another look-up, may be its answer still, whatever the process holds.
      if (ofRequest.promise === undefined || now >= ofRequest.freshUntil || !this.asksFor(ofRequest, key))
        return undefined;
      if (channels.hit.hasSubscribers) this.rooms.hits.hit(toKey(key), ofRequest, 'request');
      return ofRequest;
    }
    const copy = scope.forced ? undefined : this.rooms.process?.get(id);
    if (copy?.promise === undefined || !this.stands(copy, key, now)) return undefined;
    held.set(id, copy);
    if (processHitsAreWatched()) this.rooms.hits.hit(toKey(key), copy, 'process');
    return copy;
  }

  /** @param now asked before the copy was looked for: whoever finds that the clock was set back finds nothing that was dated before. */
  private stands(copy: NearCopy, key: KeyLike, now: number): boolean {
    return now < copy.servedUntil && now < copy.trust.until && this.asksFor(copy, key);
  }

  /** Whether the copy was made for what this look-up asks, and no loader asks, which is served only what is verified. */
  private asksFor(copy: NearCopy, key: KeyLike): boolean {
    return copy.serving === this.policies.servingOf(key) && loadUnderWay() === undefined;
  }
}

function idOf(key: KeyLike): string | undefined {
  if (typeof key === 'string') return isPlainId(key) ? key : undefined;
  return key instanceof Key ? key.id : undefined;
}
