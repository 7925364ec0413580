import type { Key } from '../key/key.js';
import type { StoredItem, WriteOutcome } from '../store/store.js';
import { ConflictError, InvalidOptionError, StoreUnavailableError, ValueTooLargeError } from '../value/errors.js';
import type { CacheParts, PlacedKey } from './cache-parts.js';
import { place, storedLifeMs } from './cache-parts.js';
import type { EntryPolicy } from './entry-policy.js';
import type { NearTiers } from './near-tiers.js';
import type { StoredEntries } from './stored-entries.js';
import type { Prepared, Writes } from './writes.js';

const maxTries = 10;
const backOffMs = 5;

/** Changes that depend on what is stored: compare-and-set in the store itself, hence the same answer for every process. */
export class AtomicChanges {
  constructor(
    private readonly parts: CacheParts,
    private readonly near: NearTiers,
    private readonly entries: StoredEntries,
    private readonly writes: Writes,
  ) {}

  /**
   * Stores `change(current)`, tried again with the newer value when somebody else wrote in between.
   * @throws ConflictError after 10 tries; StoreUnavailableError; whatever `change` throws.
   */
  async update<V>(key: Key, change: (current: V | undefined) => V, policy: EntryPolicy<V>): Promise<V> {
    for (let tries = 0; tries < maxTries; tries++) {
      const { placed, item, current, position } = await this.read<V>(key, policy);
      const prepared = await this.prepare(key, change(current), policy);
      const written = await this.named(key, () => this.writeAndLog(prepared, placed, item, position));
      if (written) return prepared.copy.read() as V;
      await this.parts.clock.sleep(this.parts.random() * backOffMs * 2 ** tries);
    }
    throw new ConflictError(key.text, maxTries);
  }

  /**
   * Stores the value unless there is one, and returns whichever is there now: all callers agree on the first.
   * @throws ConflictError after 10 tries; StoreUnavailableError.
   */
  async setIfAbsent<V>(key: Key, value: V, policy: EntryPolicy<V>): Promise<V> {
    for (let tries = 0; tries < maxTries; tries++) {
      const { placed, item, current, position } = await this.read<V>(key, policy);
      if (current !== undefined) return current;
      const prepared = await this.prepare(key, value, policy);
      const written = await this.named(key, () => this.writeAndLog(prepared, placed, item, position));
      if (written) return prepared.copy.read() as V;
      await this.parts.clock.sleep(this.parts.random() * backOffMs * 2 ** tries);
    }
    throw new ConflictError(key.text, maxTries);
  }

  private async read<V>(
    key: Key,
    policy: EntryPolicy<V>,
  ): Promise<{ placed: PlacedKey; item: StoredItem | undefined; current: V | undefined; position: number }> {
    const placed = place(this.parts, key);
    if (!this.parts.store?.capabilities.atomic) {
      throw new InvalidOptionError(
        'stores',
        'this store can neither update nor set if absent',
        'Use memcached, disk or memory.',
      );
    }
    if (!placed)
      throw new StoreUnavailableError(this.parts.store.name, `an earlier write of ${key.text} is not acknowledged yet`);
    const { position } = this.parts.fence;
    const [item] = await placed.shard.readMany([placed.storeKey]);
    if (!item || item.bytes.length === 0) return { placed, item, current: undefined, position };
    const found = await this.entries.understand(placed, item, policy, await this.entries.generationsOf(policy.tags));
    return { placed, item, current: 'copy' in found ? found.copy.read() : undefined, position };
  }

  private async prepare<V>(key: Key, value: V, policy: EntryPolicy<V>): Promise<Prepared> {
    const generations = await this.writes.generationsAtStart(policy.tags);
    await this.writes.logsRead([key]);
    return this.writes.prepare({ key, value, policy }, generations);
  }

  /** Whether the store took it, or was told too late, is not always known: the other processes are told of a change in any case. */
  private async named<R>(key: Key, change: () => Promise<R>): Promise<R> {
    try {
      return await change();
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.writes.nameLater(key);
      throw error;
    }
  }

  private async writeAndLog(
    prepared: Prepared,
    placed: PlacedKey,
    item: StoredItem | undefined,
    position: number,
  ): Promise<boolean> {
    const { status } = await this.write(prepared, placed, item);
    if (status === 'stored') await this.written(prepared, placed, position);
    return status === 'stored';
  }

  /** A stub counts as absent: the load that it stands for is refused from now on. */
  private async write(
    { sealed, head, key, policy }: Prepared,
    placed: PlacedKey,
    item: StoredItem | undefined,
  ): Promise<WriteOutcome> {
    if (!sealed)
      throw new InvalidOptionError('ttl', 'a life of 0 keeps nothing to compare with', 'Give a ttl of more than 0.');
    const lifeMs = storedLifeMs(this.parts, policy, head, this.parts.clock.now());
    const outcome = await placed.shard.write(placed.storeKey, sealed, { lifeMs, only: item?.revision ?? 'absent' });
    if (outcome.status === 'too-large') throw new ValueTooLargeError(key.text, sealed.length, outcome.maxBytes);
    return outcome;
  }

  /**
   * The position is of before the read: when another process writes between this write and here, and its name has already been applied, this
   * value is the older one and is not kept.
   */
  private async written(prepared: Prepared, placed: PlacedKey, position: number): Promise<void> {
    const { key } = prepared;
    const overtaken = this.parts.fence.namedSince(this.parts.nameOf(key), position);
    this.near.name(key);
    const named = this.parts.fence.position;
    await placed.log.append([{ key: this.parts.nameOf(key) }], prepared.head.createdAt);
    this.writes.keepNear(prepared, overtaken ? -1 : named);
  }
}
