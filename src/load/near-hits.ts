import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Coherence } from '../coherence/coherence.js';
import type { StalenessSample } from '../coherence/staleness-sample.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearFinding, NearTiers } from '../near/near-tiers.js';
import type { Read } from '../near/request-scope.js';
import type { CacheClock } from '../value/cache-clock.js';
import { channels } from '../value/events.js';
import { Hit } from '../value/lookup.js';
import type { Freshness, TierName } from '../value/lookup.js';
import { loadUnderWay } from './flight.js';
import type { Landed } from './flight.js';
import { isOvertaken } from './is-overtaken.js';
import type { LoadCall } from './load-call.js';
import type { LoadReads } from './load-reads.js';

/** What is near, as the caller may be served it: a loader only what is verified since its load began. */
export class NearHits {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly staleness: StalenessSample,
    private readonly clock: CacheClock,
  ) {}

  /** The nearest copy that may be served without waiting for anything. @param isUse false for who only looks. */
  find<V>(key: Key, policy: Pick<EntryPolicy<V>, 'serving'>, isUse = true): NearFinding<V> | undefined {
    const load = loadUnderWay();
    if (!load) return this.near.find(key, policy.serving, isUse);
    return load.isVerified(this.coherence) ? this.near.findVerified(key, policy.serving, isUse) : undefined;
  }

  /**
   * Reads of the feed what these look-ups need: where a copy is held that nobody has vouched for of late, and, for a loader, where anything is held
   * at all.
   * @returns whether near copies may be served then.
   */
  async prepare(asked: readonly { readonly key: Key }[]): Promise<boolean> {
    const load = loadUnderWay();
    if (load) {
      if (load.isVerified(this.coherence)) return true;
      return asked.some(({ key }) => this.needsVerifying(key, load)) && load.verify(this.coherence);
    }
    const doubtful = asked.filter(({ key }) => this.near.isDoubtful(key.id));
    if (doubtful.length > 0) await Promise.all(doubtful.map(({ key }) => this.near.readFor(key.id)));
    return true;
  }

  /** As `find`, after what it takes to know. */
  async recall<V>(key: Key, policy: EntryPolicy<V>): Promise<NearFinding<V> | undefined> {
    return (await this.prepare([{ key }])) ? this.find(key, policy) : undefined;
  }

  /** Whether the feed must be read before a look-up of the key can be answered. */
  needsReading(key: Key): boolean {
    const load = loadUnderWay();
    return load ? this.needsVerifying(key, load) : this.near.isDoubtful(key.id);
  }

  private needsVerifying(key: Key, load: LoadReads): boolean {
    return this.near.holds(key.id) || load.readsAnother(this.coherence);
  }

  /** The value of a near copy, told to whoever listens. */
  hit<V>(key: Key, copy: NearCopy<V>, tier: TierName): Hit<V> {
    const freshness = this.freshnessOf(copy);
    if (channels.hit.hasSubscribers) channels.hit.publish({ cache: this.cache, key: key.text, tier, freshness });
    if (tier === 'process') {
      if (channels.staleness.hasSubscribers) this.staleness.note(key.text, this.coherence.nameOf(key), copy);
      this.near.keepForRequest(key, copy);
    }
    loadUnderWay()?.inherit(this.coherence, copy.tags);
    return new Hit(key.text, copy.read(), tier, freshness);
  }

  /**
   * The value of a copy that a verb gave which loads nothing.
   * @param from what the copy was made from, if from anything.
   */
  given<V>(key: Key, copy: NearCopy<V>, from: NearCopy<V> | undefined = undefined): V {
    this.builtOn(key, copy, from);
    return copy.read();
  }

  /** What a loader makes of it has its tags, and is not kept if it was made of a stale one. What a request loads later may be made of it as well. */
  builtOn(key: Key, copy: Read, from: Read | undefined = undefined): void {
    const load = loadUnderWay();
    const endedAt = Math.min(copy.freshUntil, from?.freshUntil ?? Infinity);
    if (load && this.clock.now() >= endedAt) load.taint();
    load?.inherit(this.coherence, copy.tags);
    if (!load) this.near.noteForRequest(key, copy);
  }

  /** A hit of the store, kept near: its callers take the value. */
  stored<V>(key: Key, copy: NearCopy<V>, policy: EntryPolicy<V>, refreshDue: boolean): Landed<V> {
    if (channels.hit.hasSubscribers) {
      const tier = this.coherence.store?.name ?? 'store';
      const freshness = this.freshnessOf(copy);
      channels.hit.publish({ cache: this.cache, key: key.text, tier, freshness });
    }
    this.near.keep(key, copy, policy);
    return { copy, keptForRequest: true, refreshDue };
  }

  /** The copy that a refresh is asked for before it is taken: it is time for one, or a loader asks, and it is stale. */
  due<V>({ copy, refreshDue, unverified }: Landed<V>): NearCopy<V> | undefined {
    if (refreshDue === true) return copy;
    if (unverified === true || copy === undefined || loadUnderWay() === undefined) return undefined;
    return this.clock.now() >= copy.freshUntil ? copy : undefined;
  }

  /**
   * The value that a flight brought home, kept for the open request: 1. it begins a load; 2. it deletes the key; 3. the load comes back, and must not
   * be read again. What is not kept for it counts as read all the same.
   * @param position among invalidated names, when the request asked.
   */
  taken<V>(asked: Pick<LoadCall<V>, 'key' | 'policy'>, position: number, landed: Landed<V>): V | undefined {
    const { copy, keptForRequest, withdrawnAt, unverified } = landed;
    const { key, policy } = asked;
    const load = loadUnderWay();
    if (unverified === true) load?.taint();
    if (copy) load?.inherit(this.coherence, copy.tags);
    const isKept = copy && keptForRequest && !isOvertaken(this.near, key, position, landed);
    if (isKept) this.near.keepForRequest(key, copy);
    if (!load && (!isKept || unverified === true)) {
      const tags = copy?.tags ?? policy.tags.map((tag) => ({ tag, generation: 0 }));
      const mark = unverified === true ? -Infinity : (copy?.mark ?? withdrawnAt ?? position);
      this.near.noteForRequest(key, { mark, tags, freshUntil: copy?.freshUntil ?? Infinity });
    }
    return copy?.read();
  }

  private freshnessOf({ freshUntil }: NearCopy): Freshness {
    return this.clock.now() < freshUntil ? 'fresh' : 'stale';
  }
}
