import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { endsByValue } from '../catalogue/instants.js';
import type { EntryInstants } from '../catalogue/instants.js';
import { sealEnvelope } from '../codec/envelope.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { Invalidations } from '../near/invalidations.js';
import type { NearCopy } from '../near/near-copy.js';
import type { EncodedValue } from '../near/new-entries.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { StoredEntries } from '../near/stored-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import type { StoredItem } from '../store/store.js';
import { ConflictError, InvalidOptionError, StoreUnavailableError, ValueTooLargeError } from '../value/errors.js';
import { isCurrent } from './prepared-entries.js';
import type { Prepared, PreparedEntries } from './prepared-entries.js';
import { maxTries } from './stored-writes.js';
import type { StoredWrites } from './stored-writes.js';
import type { Writes } from './writes.js';

interface Read<V> {
  readonly placed: Placed;
  readonly item: StoredItem | undefined;
  readonly current: NearCopy<V> | undefined;
  /** Among invalidated names, before the read. */
  readonly position: number;
  /** Of the policy's tags, before the read: what is written is no newer than what it is made from. */
  readonly generations: ReadonlyMap<string, number>;
}

/** What a change comes to, and what it was made from. */
export interface Changed<V> {
  readonly copy: NearCopy<V>;
  readonly from: NearCopy<V> | undefined;
}

interface Replacing<V> {
  readonly encoded: EncodedValue<V>;
  /** The instants that go on. */
  readonly kept: EntryInstants | undefined;
  /** A value whose life is over takes away what was there. Else it is refused. */
  readonly mayBeOver: boolean;
}

/** How long the store keeps what is over: so long that it is more than 0 when it arrives. */
const overForMs = 1_000;

/** Changes that depend on what is stored: compare-and-set in the store itself, hence the same answer for every process of one version. */
export class AtomicChanges {
  constructor(
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly invalidations: Invalidations,
    private readonly entries: StoredEntries,
    private readonly prepared: PreparedEntries,
    private readonly notes: TagNotes,
    private readonly writes: Writes,
    private readonly stored: StoredWrites,
  ) {}

  /**
   * Stores `change(current)`, tried again with the newer value when somebody else wrote in between.
   * @param keepsLife the entry's remaining life goes on, unless the values make it end at another time; else that of the policy begins.
   * @throws ConflictError after 10 tries; StoreUnavailableError; ValueTooLargeError, and what was there before is gone; whatever `change` throws; the signal's
   * reason, and `change` is not called any more.
   */
  update<V>(
    key: Key,
    change: (current: V | undefined) => V,
    policy: EntryPolicy<V>,
    keepsLife: boolean,
  ): Promise<Changed<V>> {
    return this.tried(key, policy, ({ current }) => {
      policy.signal?.throwIfAborted();
      const value = change(current?.read());
      const encoded = this.prepared.encode({ key, value, policy });
      const goesOn = keepsLife && current && !endsByValue(policy.life, current, value);
      return { encoded, kept: goesOn ? current : undefined, mayBeOver: !policy.requestOnly };
    });
  }

  /**
   * Stores the value unless there is one, and returns whichever is there now: all callers agree on the first.
   * @throws ConflictError after 10 tries; StoreUnavailableError; UnencodableValueError, whatever is there.
   */
  async setIfAbsent<V>(key: Key, value: V, policy: EntryPolicy<V>): Promise<Changed<V>> {
    const encoded = this.prepared.encodeDated({ key, value, policy });
    return this.tried(key, policy, ({ current }) =>
      current ? { found: current } : { encoded, kept: undefined, mayBeOver: false },
    );
  }

  private async tried<V>(
    key: Key,
    policy: EntryPolicy<V>,
    decide: (read: Read<V>) => { readonly found: NearCopy<V> } | Replacing<V>,
  ): Promise<Changed<V>> {
    const waiting = this.prepared.behind([key]);
    if (waiting) await waiting;
    const done = await this.stored.tried(async () => {
      policy.signal?.throwIfAborted();
      const read = await this.read<V>(key, policy);
      // The stamp has changed meanwhile: an entry of the old one answers nothing that is asked under the new one.
      if (this.coherence.place(key)?.storeKey !== read.placed.storeKey) return undefined;
      const decided = decide(read);
      if ('found' in decided) return { copy: decided.found, from: decided.found };
      const prepared = this.prepared.prepareOne(decided.encoded, read.generations, read.position, {
        life: decided.kept,
        entry: read.current,
      });
      // Or while the change ran: what was made of an entry of the old one is nothing that may stand under the new one.
      if (prepared.placed?.storeKey !== read.placed.storeKey) return undefined;
      const isWritten = await this.write(prepared, read, decided.mayBeOver).catch((error: unknown) => {
        // Whether the store took it, or was told too late, is not always known: the other processes are told of a change in any case.
        if (error instanceof StoreUnavailableError)
          this.invalidations.sendLater(read.placed, { keeps: true, mayStillArrive: true });
        throw error;
      });
      return isWritten ? { copy: prepared.copy as NearCopy<V>, from: read.current } : undefined;
    });
    if (!done) throw new ConflictError(key.text, maxTries);
    return done;
  }

  private async read<V>(key: Key, policy: EntryPolicy<V>): Promise<Read<V>> {
    const { store } = this.coherence;
    const placed = this.coherence.place(key);
    if (!store?.capabilities.atomic || !placed) {
      const remedy = 'Use memcached, Redis, disk or memory.';
      throw new InvalidOptionError('stores', 'this store can neither update nor set if absent', remedy);
    }
    if (!policy.shared) {
      const problem = 'a change is made from what the store holds, and kept there';
      throw new InvalidOptionError('tiers', problem, "Let it name 'store', or use get and set.");
    }
    if (this.coherence.outbox.has(placed.name)) {
      throw new StoreUnavailableError(store.name, `an earlier write of ${key.text} is not acknowledged yet`);
    }
    await placed.feed.ready();
    const { position } = this.coherence.names;
    const generations = await this.notes.readAnew(policy.tags);
    const [item] = await placed.shard.readMany([placed.storeKey]);
    if (!item || item.bytes.length === 0) return { placed, item, current: undefined, position, generations };
    // It decides what is written: no note of the request's is believed.
    const found = await this.near.scope.outside(() =>
      this.entries.understand(placed, item, policy, generations, position),
    );
    return { placed, item, current: 'copy' in found ? found.copy : undefined, position, generations };
  }

  /**
   * A stub counts as absent: the load that it stands for is refused from now on. The position is of before the read: when another process writes
   * between this write and its answer, and its name has already been applied, this value is the older one and is not kept.
   */
  private async write(
    prepared: Prepared,
    { placed, item, position }: Read<unknown>,
    mayBeOver: boolean,
  ): Promise<boolean> {
    const { sealed, head, key, policy } = prepared;
    if (!sealed && !mayBeOver) {
      throw new InvalidOptionError('ttl', 'a life of 0 keeps nothing to compare with', 'Give a ttl of more than 0.');
    }
    const by = sealed
      ? { bytes: sealed, staleUntil: head.staleUntil, idleMs: policy.idleMs }
      : { bytes: sealedOver(placed, head), staleUntil: head.createdAt + overForMs, idleMs: undefined };
    const outcome = await this.stored.replace(placed, item, by, head.createdAt);
    if (outcome.status === 'too-large') {
      // What it was to replace is gone from the store, and the others were told.
      this.near.name(key);
      throw new ValueTooLargeError(key.text, by.bytes.length, outcome.maxBytes);
    }
    // Stored, but as nothing that anybody takes for an entry of now: it is decided once more.
    if (outcome.status !== 'stored' || !isCurrent(prepared)) return false;
    this.writes.keepNear([prepared], position);
    return true;
  }
}

/** An entry that nobody is served: stores can replace exactly one item, but not remove it and tell the others in one step. */
function sealedOver({ storeKey }: Placed, head: EnvelopeHead): Buffer {
  const { createdAt } = head;
  return sealEnvelope(storeKey, { ...head, freshUntil: createdAt, staleUntil: createdAt }, Buffer.alloc(0));
}
