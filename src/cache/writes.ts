import { resolveInstants } from '../catalogue/instants.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { LogName } from '../coherence/log-slot.js';
import type { Key } from '../key/key.js';
import { byShard } from '../store/placement.js';
import type { Shard } from '../store/store.js';
import { tagName } from '../tier/fence.js';
import type { NearCopy } from '../tier/near-copy.js';
import { StoreUnavailableError, UnencodableValueError, ValueTooLargeError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { storedLifeMs } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import { inTurns } from './in-turns.js';
import type { NearPolicy, NearTiers } from './near-tiers.js';
import type { StoredEntries } from './stored-entries.js';

export interface Write<V> {
  readonly key: Key;
  readonly value: V;
  readonly policy: EntryPolicy<V>;
}

/** A value that was encoded, and what the store and the near tiers will hold of it. */
export interface Prepared {
  readonly key: Key;
  readonly policy: NearPolicy & { readonly shared: boolean; readonly idleMs: number | undefined };
  readonly placed: PlacedKey | undefined;
  readonly head: EnvelopeHead;
  readonly copy: NearCopy;
  readonly sealed: Buffer | undefined;
  readonly requestOnly: boolean;
}

/**
 * What callers write and invalidate. The order is always the same: near copies here, the store, the log, near copies here once more. The
 * second naming is for a read of this process that began after the first and still saw the store's old value.
 */
export class Writes {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
  ) {}

  /** All values are encoded before the first is written. True: every shard acknowledged all of its keys. */
  async set<V>(writes: readonly Write<V>[], confirm: boolean): Promise<boolean> {
    const tags = [...new Set(writes.flatMap(({ policy }) => policy.tags))];
    const generations = await this.generationsAtStart(tags);
    await this.logsRead(writes.map(({ key }) => key));
    const prepared = writes.map((write) => this.prepare(write, generations));
    for (const { key } of prepared) this.near.name(key);
    const outcomes = await Promise.all(
      [...this.groups(prepared)].map(([shard, group]) => this.setOnShard(shard, group, confirm)),
    );
    for (const one of prepared) {
      this.near.keepForRequest(one.key.id, one.copy);
      if (!one.placed) this.keepNear(one, this.parts.fence.position);
    }
    return outcomes.every(Boolean);
  }

  /** @throws UnencodableValueError, InvalidDurationError: nothing was written then. */
  prepare<V>({ key, value, policy }: Write<V>, generations: ReadonlyMap<string, number> | undefined): Prepared {
    if (value === undefined) {
      throw new UnencodableValueError(
        policy.codec.name,
        '$',
        'undefined is what a miss looks like',
        'Store null, or delete the key.',
      );
    }
    const payload = policy.codec.encode(value);
    const createdAt = this.parts.clock.now();
    const instants = resolveInstants(policy.life, value, createdAt, this.parts.random);
    const requestOnly = instants.freshUntil <= createdAt;
    const placed = policy.shared ? this.placeForWrite(key) : undefined;
    const head: EnvelopeHead = {
      codec: policy.codec.name,
      createdAt,
      freshUntil: requestOnly ? Infinity : instants.freshUntil,
      staleUntil: requestOnly ? Infinity : instants.staleUntil,
      loadCostMs: 0,
      generation: placed?.log.generation ?? 0,
      ...(policy.version === undefined ? undefined : { version: policy.version }),
      tags: policy.tags.map((tag) => ({ tag, generation: generations?.get(tag) ?? 0 })),
    };
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const trust = placed
      ? this.entries.trustIn(placed.log, head.tags)
      : this.entries.trustWithoutStore(key, head.tags, createdAt);
    return {
      key,
      policy,
      placed,
      head,
      copy: this.entries.copyOf({ ...head, payload: bytes }, policy, trust),
      sealed: placed && !requestOnly ? this.entries.seal(placed.storeKey, head, payload) : undefined,
      requestOnly,
    };
  }

  private async setOnShard(shard: Shard, group: readonly Prepared[], confirm: boolean): Promise<boolean> {
    const { unacknowledged } = this.parts;
    if (unacknowledged.size === 0) return this.sendSets(shard, group, confirm);
    const release = await unacknowledged.hold(group.map(({ key }) => key.id));
    try {
      return await this.sendSets(shard, group, confirm);
    } finally {
      release();
    }
  }

  private async sendSets(shard: Shard, group: readonly Prepared[], confirm: boolean): Promise<boolean> {
    const { position } = this.parts.fence;
    let tooLarge: ValueTooLargeError | undefined;
    try {
      await this.parts.logOf(shard).ready();
      const refusals = await inTurns(group, (one) => this.setOne(shard, one));
      tooLarge = refusals.find((refusal) => refusal !== undefined);
      await this.parts.logOf(shard).append(
        group.map(({ key }) => ({ key: this.parts.nameOf(key) })),
        Math.min(...group.map(({ head }) => head.createdAt)),
      );
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // Whether the store took it is unknown. What it holds must not come back: it is removed as soon as the store can be reached.
      for (const { key } of group) this.removeLater(key);
      if (confirm) throw error;
      return false;
    }
    for (const one of group) {
      this.parts.unacknowledged.settle(one.key.id);
      this.keepNear(one, position);
    }
    if (tooLarge && confirm) throw tooLarge;
    return tooLarge === undefined;
  }

  /** What the store does not take is gone from it all the same: what it held before is not what was set. */
  private async setOne(
    shard: Shard,
    { placed, sealed, head, key, policy }: Prepared,
  ): Promise<ValueTooLargeError | undefined> {
    if (!placed) return undefined;
    if (!sealed) {
      await shard.remove(placed.storeKey);
      return undefined;
    }
    const lifeMs = storedLifeMs(this.parts, policy, head, this.parts.clock.now());
    const outcome = await shard.write(placed.storeKey, sealed, { lifeMs });
    if (outcome.status !== 'too-large') return undefined;
    const refusal = new ValueTooLargeError(key.text, sealed.length, outcome.maxBytes);
    reportFault({ source: this.parts.name, kind: 'too-large', message: refusal.message, key: key.text });
    return refusal;
  }

  /** Near tiers, store, log. True: every shard acknowledged all of its keys. */
  async delete(keys: readonly Key[], confirm: boolean): Promise<boolean> {
    for (const key of keys) this.near.name(key);
    const placed = keys.map((key) => this.placeForWrite(key)).filter((one) => one !== undefined);
    const outcomes = await Promise.all(
      [...byShard(placed, ({ shard }) => shard)].map(([shard, group]) => this.deleteOnShard(shard, group, confirm)),
    );
    return outcomes.every(Boolean);
  }

  private async deleteOnShard(shard: Shard, group: readonly PlacedKey[], confirm: boolean): Promise<boolean> {
    try {
      await this.removeAndLog(shard, group);
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      for (const { key } of group) this.removeLater(key);
      if (confirm) throw error;
      return false;
    }
  }

  private async removeAndLog(shard: Shard, group: readonly PlacedKey[]): Promise<void> {
    const at = this.parts.clock.now();
    await inTurns(group, ({ storeKey }) => shard.remove(storeKey));
    const names = group.map(({ key }) => ({ key: this.parts.nameOf(key) }));
    await this.parts.logOf(shard).append(names, at);
    for (const { key } of group) {
      this.parts.unacknowledged.settle(key.id);
      this.near.name(key);
    }
  }

  private removeLater(key: Key): void {
    const placed = this.placeForWrite(key);
    if (!placed) return;
    this.near.name(key);
    this.parts.unacknowledged.add(key.id, key.text, () => this.removeAndLog(placed.shard, [placed]));
  }

  /** The store may hold a newer value than the log has told the others: it stays, and they are told as soon as that is possible. */
  nameLater(key: Key): void {
    const placed = this.placeForWrite(key);
    if (!placed) return;
    this.near.name(key);
    if (this.parts.unacknowledged.has(key.id)) return; // a removal waits there, which tells them as well
    this.parts.unacknowledged.add(key.id, key.text, async () => {
      await placed.log.append([{ key: this.parts.nameOf(key) }]);
      this.near.name(key);
    });
  }

  /** Every entry that was loaded with one of these tags. True: acknowledged; false: sent again until it is. */
  async invalidateTags(tags: readonly string[], confirm: boolean): Promise<boolean> {
    for (const tag of tags) this.near.nameTag(tag, 'local');
    if (!this.parts.tagGenerations) return true;
    const outcomes = await Promise.all(
      tags.map(async (tag) => {
        try {
          await this.advanceTag(tag);
          return true;
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error;
          this.parts.unacknowledged.add(tagName(tag), `tag ${tag}`, () => this.advanceTag(tag));
          if (confirm) throw error;
          return false;
        }
      }),
    );
    return outcomes.every(Boolean);
  }

  private async advanceTag(tag: string): Promise<void> {
    const { tagGenerations } = this.parts;
    if (!tagGenerations) return;
    const names: LogName[] = [{ tag }];
    const at = this.parts.clock.now();
    await tagGenerations.advance(tag);
    await this.parts.logOf(tagGenerations.shardOf(tag)).append(names, at);
    this.parts.unacknowledged.settle(tagName(tag));
    this.near.nameTag(tag, 'local');
  }

  /**
   * After the store took it: the process goes on with this value, unless the key was written by somebody else meanwhile, whose value may
   * be the later one.
   */
  keepNear({ key, policy, copy, requestOnly }: Prepared, position: number): void {
    const overtaken = this.parts.fence.namedSince(this.parts.nameOf(key), position);
    this.near.name(key);
    if (!requestOnly && !overtaken) this.near.keep(key, copy, policy, this.parts.fence.position);
    this.near.keepForRequest(key.id, copy);
  }

  /** An entry carries the clear generation of its shard, so the log is read before the first write. */
  async logsRead(keys: readonly Key[]): Promise<void> {
    const unread = new Set(
      keys.map((key) => this.placeForWrite(key)?.log).filter((log) => log?.generation === undefined),
    );
    await Promise.all([...unread].map(async (log) => log?.ready().catch(ignored)));
  }

  /** The generations that a write begins with; `undefined` when they can't be read, and then the write won't be acknowledged either. */
  async generationsAtStart(tags: readonly string[]): Promise<ReadonlyMap<string, number> | undefined> {
    try {
      this.entries.forgetGenerations(tags);
      return await this.entries.generationsOf(tags);
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  /** Unlike a read's place: a key whose earlier invalidation waits is written all the same. */
  private placeForWrite(key: Key): PlacedKey | undefined {
    const { store } = this.parts;
    if (!store) return undefined;
    const storeKey = this.parts.keySpace().storeKey(key.text);
    const shard = store.shardOf(storeKey);
    return { key, storeKey, shard, log: this.parts.logOf(shard) };
  }

  private groups(prepared: readonly Prepared[]): Map<Shard, Prepared[]> {
    const placed = prepared.filter((one) => one.placed !== undefined);
    return byShard(placed, (one) => (one.placed as PlacedKey).shard);
  }
}

/** The write itself will meet the same outage and report it. */
function ignored(): void {}
