import { headBytes } from '../codec/envelope.js';
import { isSameRevision } from '../store/is-same-revision.js';
import { companionKey } from '../key/key-space.js';
import type { ItemWrite, Revision, Shard, StoredItem, WriteOptions, WriteOutcome } from '../store/store.js';

/** How long a lease stands unless it is renewed: the longest that others wait for a loader whose process died. */
export const leaseMs = 3_000;
/** How often a lease is renewed while its loader runs. */
export const leaseRenewalMs = 1_000;

/** The life of an item that others go on reading while it is replaced. */
export interface ItemLife {
  /** What is left of it. */
  readonly leftMs: () => number;
  /** What it is given where it is about to end. */
  readonly keptMs: number;
}

/** Of an item that was there before its lease, and that others go on reading. */
interface ItemBefore {
  /** The stub beside it. */
  companion?: Revision;
  /** Absent where the store can't prolong it, or nobody can say. */
  readonly life?: ItemLife | undefined;
  /** See {@link headOf}. */
  readonly head?: string;
}

const stub = Buffer.alloc(0);

/** What tells an item from another, and keeps none of its bytes alive: the head of an entry has a checksum of all its bytes, and its instants. */
function headOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, headBytes);
}

/** A stored item or a stub, and whether the stub was put there for who asked. */
export type AskedItem = StoredItem & { readonly won: boolean };

/**
 * The right of one process to fill one key, after "Scaling Memcache at Facebook" (NSDI'13): every invalidation changes or removes the
 * item that the lease points at, so that a fill which started earlier finds another revision and is refused by the store itself:
 *
 * 1. P1 misses and wins: the store holds a stub of revision r; P1 reads the old row;
 * 2. the row changes, somebody deletes the key: the stub is gone;
 * 3. P1 fills "only if r": refused.
 *
 * There are two forms. On a miss the lease *is* the item: a stub, which expires by itself. To replace an item that others still read
 * (stale, forced), the item stays, the fill is bound to its revision, and a stub under the companion key keeps other refreshers away.
 */
export class FillLease {
  private ended = false;
  private extending: Promise<unknown> | undefined = undefined;

  constructor(
    private readonly shard: Shard,
    private readonly storeKey: string,
    /** The state of the item that a fill replaces, and no other. */
    private item: Revision,
    private readonly fenced: boolean,
    private readonly before?: ItemBefore,
  ) {}

  /** The item was there before and outlives a load that comes to nothing. */
  get standing(): boolean {
    return this.before !== undefined;
  }

  /**
   * Lets a standing item outlive its load: an item that runs out meanwhile looks like one that was deleted, and the fill would be refused.
   * Its readers go by the instants in the entry and are not deceived. False: it is gone.
   */
  async keepItem(): Promise<boolean> {
    const life = this.endingLife;
    return !life || this.shard.touch(this.storeKey, life.keptMs);
  }

  /** Undefined: the item outlives two leases by itself, or nobody can say. */
  private get endingLife(): ItemLife | undefined {
    const life = this.before?.life;
    return life && life.leftMs() <= 2 * leaseMs ? life : undefined;
  }

  /** Stores the value, if no invalidation came in between and the lease still stands. */
  async fill(bytes: Uint8Array, lifeMs: number): Promise<WriteOutcome> {
    if (this.ended) return { status: 'changed' };
    this.ended = true;
    // A fill that nothing keeps waiting is sent in the step of the call.
    if (this.extending) await this.extending;
    const outcome = await this.shard.write(this.storeKey, bytes, this.fillOptions(lifeMs));
    await dropCompanion(this.shard, this.storeKey, this.before?.companion);
    return outcome;
  }

  /** Whether a fill is one write, and not refused here. */
  get isOneWrite(): boolean {
    return !this.ended && !this.extending && !this.before?.companion;
  }

  /** As `fill`, by a write that the caller sends among others; undefined: that needs more than one write, or is refused. */
  fillAmongOthers(bytes: Uint8Array, lifeMs: number): ItemWrite | undefined {
    if (!this.isOneWrite) return undefined;
    this.ended = true;
    return { storeKey: this.storeKey, bytes, options: this.fillOptions(lifeMs) };
  }

  private fillOptions(lifeMs: number): WriteOptions {
    return this.fenced ? { lifeMs, neverShorter: true, only: this.item } : { lifeMs, neverShorter: true };
  }

  /** Once a second while the loader runs. False: somebody invalidated or took over, and the fill will be refused. */
  async renew(): Promise<boolean> {
    if (this.ended) return false;
    const isExtended = await this.extend(leaseMs);
    // A lost companion lets another refresh as well; whose fill is taken is decided by the item's revision.
    if (!isExtended && !this.standing && this.fenced) this.ended = true;
    return isExtended || this.standing;
  }

  /** Gives the right back at once: the next one to ask wins it. A standing item stays. */
  async giveBack(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.extending;
    if (!this.standing) await this.shard.remove(this.storeKey, this.item);
    await dropCompanion(this.shard, this.storeKey, this.before?.companion);
  }

  /**
   * Gives the right back and removes the item, if it is still the one that the lease was won for. False: it may stand all the same, see
   * {@link isReplaced}.
   */
  async removeItem(): Promise<boolean> {
    if (this.ended) return this.isReplaced();
    this.ended = true;
    await this.extending;
    const outcome = await this.shard.remove(this.storeKey, this.fenced ? this.item : undefined);
    await dropCompanion(this.shard, this.storeKey, this.before?.companion);
    return outcome !== 'changed' || this.isReplaced();
  }

  /**
   * Asked once the store has refused its revision: whether whatever stands now was stored since the lease was won. False: it is what stood before, or that
   * can't be known.
   *
   * Another revision is no other item: 1. P seizes, and writes the item again unchanged; 2. Q seizes, and does likewise; 3. P's load ends, and is refused;
   * 4. Q's load fails. memcached up to 1.6.23 gives an item another revision as well, when it moves it. And after a reconnect a revision matches nothing.
   */
  async isReplaced(): Promise<boolean> {
    if (!this.standing) return true;
    const [present] = await this.shard.readMany([this.storeKey]);
    if (!present) return true;
    return present.revision.session === this.item.session && headOf(present.bytes) !== this.before?.head;
  }

  /** After a failed load: the right runs out by itself, so that the fleet does not throw itself at a source in trouble. 0: at once. */
  async holdBack(holdMs: number): Promise<void> {
    if (holdMs <= 0) return this.giveBack();
    if (this.ended) return;
    this.ended = true;
    await this.extend(holdMs);
  }

  /** One at a time: a fill must know the revision that a renewal under way will make. */
  private extend(lifeMs: number): Promise<boolean> {
    const extended = (this.extending ?? Promise.resolve()).then(() => this.extendOnce(lifeMs));
    this.extending = extended.catch(() => false);
    return extended;
  }

  private async extendOnce(lifeMs: number): Promise<boolean> {
    const { before } = this;
    const only = before ? before.companion : this.item;
    const key = before ? companionKey(this.storeKey) : this.storeKey;
    const outcome = only && (await this.shard.write(key, stub, { lifeMs, only }));
    if (outcome?.status === 'stored') {
      if (before) before.companion = outcome.revision;
      else this.item = outcome.revision;
    }
    if (before && !this.ended) await this.keepOwnItem();
    return outcome === undefined || outcome.status === 'stored';
  }

  /**
   * As `keepItem`, unless something else stands in the item's place:
   *
   * 1. P refreshes an item that has a second left; 2. Q sets the key, for an hour; 3. P renews its lease, and would give Q's item ten seconds.
   *
   * No store can touch by revision. What is set between the look and the touch, in one trip, ends too soon; it is never served for too long.
   */
  private async keepOwnItem(): Promise<void> {
    if (!this.endingLife) return;
    const [present] = await this.shard.readMany([this.storeKey]);
    if (isSameRevision(present?.revision, this.item)) await this.keepItem();
  }
}

/** A courtesy, whose failure says nothing of the item: what can't be removed runs out by itself. */
async function dropCompanion(shard: Shard, storeKey: string, companion: Revision | undefined): Promise<void> {
  if (companion) await shard.remove(companionKey(storeKey), companion).catch(() => {});
}

/** Hands out fill leases. */
export class FillLeases {
  /**
   * @param fenced false only in tests that show what happens when fills are not bound to a revision.
   * @param touches whether the store can prolong an item.
   */
  constructor(
    private readonly fenced = true,
    private readonly touches = true,
  ) {}

  /** The right to fill what is not there; undefined: something is, or somebody else has it. */
  async win(shard: Shard, storeKey: string): Promise<FillLease | undefined> {
    const [found] = await shard.readOrStub([storeKey], leaseMs);
    return found?.won === true ? this.won(shard, storeKey, found.revision) : undefined;
  }

  /**
   * The right to replace an item while others go on reading it. The item is read after the companion has answered, since a store need not
   * keep the order of what is asked in one turn: a winner sees what an earlier winner has filled, and does not load it again.
   */
  async winRefresh(
    shard: Shard,
    storeKey: string,
    lifeOf: (item: StoredItem) => ItemLife | undefined,
  ): Promise<{ item?: StoredItem; lease?: FillLease }> {
    const [companion] = await shard.readOrStub([companionKey(storeKey)], leaseMs);
    const won = companion?.won === true ? companion.revision : undefined;
    try {
      const [item] = await shard.readMany([storeKey]);
      if (item && item.bytes.length > 0) {
        if (!won) return { item };
        const before = { companion: won, life: this.touches ? lifeOf(item) : undefined, head: headOf(item.bytes) };
        const lease = new FillLease(shard, storeKey, item.revision, this.fenced, before);
        if (await lease.keepItem()) return { item, lease };
      }
    } catch (error) {
      await dropCompanion(shard, storeKey, won);
      throw error;
    }
    // It has gone: whoever asks for it next loads it.
    await dropCompanion(shard, storeKey, won);
    return {};
  }

  /** Whether some process is replacing the item. */
  async isRefreshing(shard: Shard, storeKey: string): Promise<boolean> {
    const [companion] = await shard.readMany([companionKey(storeKey)]);
    return companion !== undefined;
  }

  /**
   * Takes the right to fill from whoever has it: a standing item is written again unchanged, a stub is taken over, and either way the
   * fills of loads that began earlier are refused from now on. `undefined` when others kept writing in between.
   */
  async seize(
    shard: Shard,
    storeKey: string,
    lifeOf: (item: StoredItem) => ItemLife | undefined,
  ): Promise<FillLease | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      const [found] = await shard.readOrStub([storeKey], leaseMs);
      if (!found) return undefined;
      if (found.won) return this.won(shard, storeKey, found.revision);
      const life = found.bytes.length > 0 ? lifeOf(found) : undefined;
      const leftMs = life?.leftMs() ?? 0;
      const keeps = life !== undefined && leftMs > 0;
      const written = await shard.write(storeKey, keeps ? found.bytes : stub, {
        // Prolonged while the loader runs: an item that runs out meanwhile looks like one that was deleted.
        lifeMs: keeps ? Math.max(leftMs, life.keptMs) : leaseMs,
        neverShorter: keeps,
        only: found.revision,
      });
      if (written.status === 'stored') {
        const before = keeps ? { life: this.touches ? life : undefined, head: headOf(found.bytes) } : undefined;
        return new FillLease(shard, storeKey, written.revision, this.fenced, before);
      }
    }
    return undefined;
  }

  /** For a store that can't bind a write to a revision: fills always, and a late one undoes what came in between. */
  unfenced(shard: Shard, storeKey: string): FillLease {
    return new FillLease(shard, storeKey, { session: 0, number: 0 }, false, {});
  }

  /** Of a stub that was put there for whoever asked. */
  won(shard: Shard, storeKey: string, revision: Revision): FillLease {
    return new FillLease(shard, storeKey, revision, this.fenced);
  }
}

/** Of several keys. A courtesy: what can't be given back runs out by itself. */
export async function giveBackAll(leases: readonly (FillLease | undefined)[]): Promise<void> {
  await Promise.allSettled(leases.flatMap((lease) => (lease ? [lease.giveBack()] : [])));
}
