import { openEnvelope, sealEnvelope } from '../codec/envelope.js';
import type { Envelope, EnvelopeHead } from '../codec/envelope.js';
import type { StoredItem } from '../store/store.js';
import { tagName } from '../tier/fence.js';
import { NearCopy } from '../tier/near-copy.js';
import { BlindTrust, CombinedTrust, lastingTrust } from '../tier/trust.js';
import type { Trust } from '../tier/trust.js';
import { freshnessAt } from '../value/entry.js';
import type { TagGeneration } from '../value/entry.js';
import { UndecodableError } from '../value/errors.js';
import { channels, reportFault } from '../value/events.js';
import type { MissReason } from '../value/lookup.js';
import type { ShardLog } from '../coherence/shard-log.js';
import type { Key } from '../key/key.js';
import { logOfKey } from './cache-parts.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';

/** A stored item, understood: the copy, or why it is none. `remove`: no process will ever serve these bytes. */
export type Understood<V> =
  | { readonly copy: NearCopy<V>; readonly item: StoredItem }
  | { readonly miss: MissReason; readonly item: StoredItem; readonly remove: boolean };

/** As far as the item alone tells: an entry with tags is good only while these stand. */
export type UnderstoodAlone<V> =
  Understood<V> | { readonly tagged: readonly TagGeneration[]; readonly found: Understood<V> };

/** What stands around a near copy in memory, besides its bytes: the copy, its head, its place in the list. Measured. */
const copyOverheadBytes = 200;

/** Between the bytes of a store and copies that can be served. */
export class StoredEntries {
  constructor(private readonly parts: CacheParts) {}

  /**
   * What this item is worth now. Undecodable bytes are a miss of that key and a fault event, never a failure of the store.
   * @param generations of the tags that were fetched already; others are fetched if the entry has them.
   * @throws StoreUnavailableError when the log or a tag can't be read.
   */
  async understand<V>(
    { storeKey, log, key }: PlacedKey,
    item: StoredItem,
    policy: EntryPolicy<V>,
    generations: ReadonlyMap<string, number>,
  ): Promise<Understood<V>> {
    if (log.generation === undefined) await log.ready();
    const alone = this.understandAlone({ storeKey, log, key }, item, policy);
    return this.understandFurther({ storeKey, log }, alone, policy, generations);
  }

  /** The rest of `understand`, for what the item alone told. */
  async understandFurther<V>(
    { storeKey, log }: Pick<PlacedKey, 'storeKey' | 'log'>,
    alone: UnderstoodAlone<V>,
    policy: EntryPolicy<V>,
    generations: ReadonlyMap<string, number>,
  ): Promise<Understood<V>> {
    if (!('tagged' in alone)) {
      if ('copy' in alone && policy.idleMs !== undefined) {
        await this.extend(log, storeKey, policy.idleMs, alone.copy.staleUntil);
      }
      return alone;
    }
    if (await this.tagsStand(alone.tagged, generations)) return alone.found;
    return { miss: 'invalidated', item: alone.found.item, remove: true };
  }

  /** As `understand`, as far as the item alone tells: `tagged` is left to be asked for. The log was read before. */
  understandAlone<V>(
    { storeKey, log, key }: Pick<PlacedKey, 'storeKey' | 'log' | 'key'>,
    item: StoredItem,
    policy: EntryPolicy<V>,
  ): UnderstoodAlone<V> {
    try {
      return this.examine({ storeKey, log }, item, policy);
    } catch (cause) {
      reportFault({
        source: this.parts.name,
        kind: 'undecodable',
        message: 'Stored bytes could not be read.',
        key: key.text,
        cause,
      });
      return { miss: 'undecodable', item, remove: true };
    }
  }

  /** The copy of an item of borrowed bytes, if the item alone tells that it may be served. Why not is told by `understandAlone`. */
  servableAlone<V>(placed: PlacedKey, borrowed: StoredItem, policy: EntryPolicy<V>): NearCopy<V> | undefined {
    // What is frozen holds no bytes; what is cloned copies them.
    const item = policy.isolation === 'share' ? { ...borrowed, bytes: Buffer.from(borrowed.bytes) } : borrowed;
    try {
      const understood = this.examine(placed, item, policy);
      return 'copy' in understood ? understood.copy : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws for bytes that can't be read. */
  private examine<V>(
    { storeKey, log }: Pick<PlacedKey, 'storeKey' | 'log'>,
    item: StoredItem,
    policy: EntryPolicy<V>,
  ): UnderstoodAlone<V> {
    const envelope = openEnvelope(storeKey, item.bytes);
    if (envelope.codec !== policy.codec.name) throw new UndecodableError(`Stored by the ${envelope.codec} codec.`);
    if (envelope.generation < (log.generation as number)) return { miss: 'invalidated', item, remove: true };
    if (freshnessAt(envelope, this.parts.clock.now()) === undefined) return { miss: 'expired', item, remove: true };
    if (policy.version !== undefined && envelope.version !== policy.version)
      return { miss: 'version', item, remove: true };
    const found = { copy: this.copyOf(envelope, policy, this.trustIn(log, envelope.tags)), item };
    return envelope.tags.length === 0 ? found : { tagged: envelope.tags, found };
  }

  /** A use of an entry whose life slides. Not beyond its maximum age, which stands in the entry. */
  private async extend({ shard }: ShardLog, storeKey: string, idleMs: number, staleUntil: number): Promise<void> {
    await shard.touch(storeKey, Math.min(idleMs, staleUntil - this.parts.clock.now()));
  }

  /** A decoded copy of an entry, to be kept near or handed out. @throws UndecodableError */
  copyOf<V>(envelope: Envelope, policy: EntryPolicy<V>, trust: Trust): NearCopy<V> {
    const { payload } = envelope;
    const { codec, isolation } = policy;
    // A view of a socket's buffer would keep the whole buffer alive for as long as the copy.
    const kept = isolation === 'clone' ? Buffer.from(payload) : undefined;
    const decoded = codec.decode(kept ?? payload);
    return new NearCopy<V>(
      envelope,
      kept,
      codec,
      isolation,
      trust,
      payload.length + copyOverheadBytes,
      decoded,
      this.servedUntil(envelope, policy),
    );
  }

  seal(storeKey: string, head: EnvelopeHead, payload: Uint8Array): Buffer {
    return sealEnvelope(storeKey, head, payload);
  }

  /**
   * XFetch (Vattani, Chierichetti, Lowenstein, VLDB'15): refresh when now − cost · β · ln(random) reaches the end of life. The number
   * is drawn once for each copy instead of at each read, which spreads the refreshes of a fleet in the same way and costs a hit nothing.
   */
  private servedUntil<V>(head: EnvelopeHead, policy: EntryPolicy<V>): number {
    if (policy.earlyRefresh === 0 || head.freshUntil === Infinity) return head.freshUntil;
    const draw = Math.max(this.parts.random(), Number.MIN_VALUE);
    return head.freshUntil + head.loadCostMs * policy.earlyRefresh * Math.log(draw);
  }

  /** What a copy's truth depends on: the log of its key's shard, and those of its tags' shards. */
  trustIn(log: ShardLog, tags: readonly TagGeneration[]): Trust {
    const { tagGenerations } = this.parts;
    if (tags.length === 0 || !tagGenerations) return log.trust;
    const logs = new Set([log, ...tags.map(({ tag }) => this.parts.logOf(tagGenerations.shardOf(tag)))]);
    return logs.size === 1 ? log.trust : new CombinedTrust([...logs].map(({ trust }) => trust));
  }

  /** What a copy's truth depends on that the store had no part in: it was not reached, or is not to hold the key. */
  trustWithoutStore(key: Key, tags: readonly TagGeneration[], createdAt: number): Trust {
    const log = logOfKey(this.parts, key);
    if (!log) return lastingTrust;
    return new BlindTrust(this.trustIn(log, tags), createdAt + log.unreadForMs);
  }

  /** A generation that is older than the entry's was read before the entry was made: it is read again before it condemns. */
  private async tagsStand(tags: readonly TagGeneration[], known: ReadonlyMap<string, number>): Promise<boolean> {
    if (tags.some(({ tag }) => this.parts.unacknowledged.has(tagName(tag)))) return false;
    const unknown = tags.filter(({ tag }) => !known.has(tag)).map(({ tag }) => tag);
    const present = unknown.length > 0 ? new Map([...known, ...(await this.generationsOf(unknown))]) : known;
    const doubtful = tags.filter(({ tag, generation }) => (present.get(tag) ?? -1) < generation).map(({ tag }) => tag);
    if (doubtful.length === 0) return tags.every(({ tag, generation }) => present.get(tag) === generation);
    this.forgetGenerations(doubtful);
    const anew = await this.generationsOf(doubtful);
    return tags.every(({ tag, generation }) => (anew.get(tag) ?? present.get(tag)) === generation);
  }

  forgetGenerations(tags: readonly string[]): void {
    const notes = this.parts.scope.current()?.notesOf(this.parts);
    for (const tag of tags) notes?.delete(tag);
  }

  /**
   * The present generations, remembered for the request until one is invalidated here or in the log: what is kept near with the help of an
   * older one would be named no more.
   * @throws StoreUnavailableError
   */
  async generationsOf(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { scope, tagGenerations, fence } = this.parts;
    if (tags.length === 0 || !tagGenerations) return none;
    const notes = scope.current()?.notesOf(this.parts);
    const generations = new Map<string, number>();
    for (const tag of tags) {
      const note = notes?.get(tag);
      if (note && !fence.namedSince(tagName(tag), note.position)) generations.set(tag, note.number);
    }
    const missing = tags.filter((tag) => !generations.has(tag));
    if (missing.length === 0) return generations;
    const { position } = fence;
    for (const { tag, generation } of await tagGenerations.read(missing)) {
      generations.set(tag, generation);
      notes?.set(tag, { number: generation, position });
    }
    return generations;
  }
}

const none: ReadonlyMap<string, number> = new Map();

export function publishMiss(parts: CacheParts, key: string, reason: MissReason): void {
  if (channels.miss.hasSubscribers) channels.miss.publish({ cache: parts.name, key, reason });
}
