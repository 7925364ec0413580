import type { Key } from '../key/key.js';
import type { Shard } from '../store/store.js';
import { byShard } from '../store/placement.js';
import { freshnessAt } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
import { channels } from '../value/events.js';
import { Hit, Miss } from '../value/lookup.js';
import type { Lookup, MissReason, TierName } from '../value/lookup.js';
import { place } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { NearCopy } from '../tier/near-copy.js';
import type { NearTiers } from './near-tiers.js';
import type { StoredEntries } from './stored-entries.js';

/** Looks keys up, nearest tier first, and copies what it finds into the nearer ones. Never loads, never fails. */
export class LookUps {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
  ) {}

  /** One look-up per key, in their order; the store is asked once per shard for all that is not near. */
  async many<V>(keys: readonly Key[], policyOf: (key: Key) => EntryPolicy<V>): Promise<Lookup<V>[]> {
    const found = new Map<string, Lookup<V>>();
    const below: { readonly placed: PlacedKey; readonly policy: EntryPolicy<V> }[] = [];
    for (const key of keys) {
      if (found.has(key.id)) continue;
      const policy = policyOf(key);
      const near = this.near.find<V>(key.id, policy) ?? (await this.near.recall<V>(key, policy));
      const placed = near ? undefined : this.inStore(key, policy);
      if (near) found.set(key.id, this.hit(key, near.copy, near.tier));
      else if (typeof placed === 'string' || !placed) found.set(key.id, this.miss(key, placed ?? 'absent'));
      else {
        found.set(key.id, new Miss(key.text, 'absent'));
        below.push({ placed, policy });
      }
    }
    const groups = byShard(below, ({ placed }) => placed.shard);
    await Promise.all([...groups].map(([shard, asked]) => this.ofShard(shard, asked, found)));
    return keys.map((key) => found.get(key.id) as Lookup<V>);
  }

  private async ofShard<V>(
    shard: Shard,
    asked: readonly { readonly placed: PlacedKey; readonly policy: EntryPolicy<V> }[],
    found: Map<string, Lookup<V>>,
  ): Promise<void> {
    const position = this.parts.fence.position;
    try {
      const tags = [...new Set(asked.flatMap(({ policy }) => policy.tags))];
      const [items, generations] = await Promise.all([
        shard.readMany(asked.map(({ placed }) => placed.storeKey)),
        this.entries.generationsOf(tags),
      ]);
      await Promise.all(
        asked.map(async ({ placed, policy }, index) => {
          const item = items[index];
          const understood =
            item && item.bytes.length > 0
              ? await this.entries.understand(placed, item, policy, generations)
              : undefined;
          if (!understood || 'miss' in understood) {
            found.set(placed.key.id, this.miss(placed.key, understood?.miss ?? 'absent'));
            return;
          }
          const { copy } = understood;
          if (this.near.keep(placed.key, copy, policy, position)) this.near.keepForRequest(placed.key.id, copy);
          found.set(placed.key.id, this.hit(placed.key, copy, this.parts.store?.name ?? 'store'));
        }),
      );
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      for (const { placed } of asked) found.set(placed.key.id, this.miss(placed.key, 'unavailable'));
    }
  }

  private inStore<V>(key: Key, policy: EntryPolicy<V>): PlacedKey | MissReason | undefined {
    if (this.parts.scope.current()?.forced) return 'forced';
    if (!policy.shared || !this.parts.store) return 'absent';
    return place(this.parts, key) ?? 'invalidated';
  }

  hit<V>(key: Key, copy: NearCopy<V>, tier: TierName): Hit<V> {
    const freshness = freshnessAt(copy, this.parts.clock.now()) ?? 'stale';
    if (channels.hit.hasSubscribers) channels.hit.publish({ cache: this.parts.name, key: key.text, tier, freshness });
    if (tier === 'process') {
      if (channels.staleness.hasSubscribers) this.parts.staleness.note(key.text, this.parts.nameOf(key), copy);
      this.near.keepForRequest(key.id, copy);
    }
    return new Hit(key.text, copy.read(), tier, freshness);
  }

  private miss(key: Key, reason: MissReason): Miss {
    if (channels.miss.hasSubscribers) channels.miss.publish({ cache: this.parts.name, key: key.text, reason });
    return new Miss(key.text, reason);
  }
}
