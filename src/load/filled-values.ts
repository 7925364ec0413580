import { sealEnvelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { Invalidations } from '../near/invalidations.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { NewEntry } from '../near/new-entries.js';
import type { FillLease } from '../origin/fill-lease.js';
import { storedLifeMs } from '../origin/stored-life.js';
import type { ItemWrite, Shard, WriteOutcome } from '../store/store.js';
import type { CacheClock } from '../value/cache-clock.js';
import { channels, reportFault } from '../value/events.js';
import type { CacheEvents } from '../value/events.js';
import { unlessAway } from '../value/unless-away.js';
import type { Landed } from './flight.js';
import type { LoadCause } from './load-start.js';
import type { Wanted } from './wanted.js';

/** What became of a fill. */
type Filled = 'stored' | 'refused' | 'unknown';

/** A loaded value, and what stores it among others. */
export interface WrittenValue<V> {
  readonly one: Wanted<V>;
  readonly write: ItemWrite;
}

type Withdrawn = Required<Pick<Landed, 'withdrawnAt'>>;

/** Stores what was loaded under its lease, and keeps it near, one value or many at a time. */
export class FilledValues {
  constructor(
    private readonly cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly invalidations: Invalidations,
    private readonly clock: CacheClock,
  ) {}

  async one<V>(one: Wanted<V>, cause: LoadCause): Promise<Landed<V>> {
    const { key, placed, lease, tags } = one;
    if (!tags || !placed || !lease) {
      if (!lease && placed) this.refused(key, 'no-lease');
      const left = await (tags ? this.leave(one, cause) : this.leaveNothing(one, cause));
      return { ...this.landedAfter(one, 'unknown'), ...left };
    }
    const [sealed, lifeMs] = [this.seal(one, placed), this.lifeMs(one, this.clock.now())];
    const filled = await this.judge(one, placed, await unlessAway(() => lease.fill(sealed, lifeMs)));
    if (cause !== 'forced') return this.landedAfter(one, filled);
    const tell = async (): Promise<void> => {
      // Where the store has not taken it, what it holds is what was not wanted; or a newer value, whose writer may have been nobody: a stub that found no room.
      const keeps = filled === 'stored' || (filled === 'refused' && (await this.release(() => lease.isReplaced())));
      await this.invalidations.sendOne(placed, { keeps });
    };
    const told = await (filled === 'refused' ? this.withdrawing(one, tell) : tell());
    return { ...this.landedAfter(one, filled), ...told };
  }

  /** It is kept neither in the store nor near. */
  leaveNothing<V>(one: Wanted<V>, cause: LoadCause): Promise<Withdrawn | void> {
    const leave = (): Promise<void> => this.leave(one, cause);
    return cause === 'forced' ? this.withdrawing(one, leave) : leave();
  }

  /** It is not stored. Where the load was forced, what is stored was not wanted: it is removed, but for what was stored since, and all are told. */
  private async leave<V>({ placed, lease }: Wanted<V>, cause: LoadCause): Promise<void> {
    const isForced = cause === 'forced';
    const isGone = await this.release(() => (isForced ? lease?.removeItem() : lease?.giveBack()));
    if (isForced && placed) await this.invalidations.sendOne(placed, { keeps: isGone && lease !== undefined });
  }

  /** Before and after: 1. a look-up here reads the old item; 2. that is removed, and the others are told; 3. the look-up's answer comes. */
  private async withdrawing<V>({ key, made }: Wanted<V>, work: () => Promise<void>): Promise<Withdrawn> {
    this.near.withdraw(key);
    await work();
    this.near.withdraw(key);
    return { withdrawnAt: (made as NewEntry<V>).copy.mark };
  }

  writeOf<V>(one: Wanted<V>, placed: Placed, lease: FillLease, now: number): ItemWrite | undefined {
    return lease.fillAmongOthers(this.seal(one, placed), this.lifeMs(one, now));
  }

  /** Of one shard, all under leases and missed: in one round trip. */
  async many<V>(shard: Shard, written: readonly WrittenValue<V>[]): Promise<void> {
    const outcomes = await unlessAway(() => shard.writeMany?.(written.map(({ write }) => write)));
    const later: Promise<void>[] = [];
    for (const [index, { one }] of written.entries()) {
      const filled = this.judge(one, one.placed as Placed, outcomes?.[index]);
      if (typeof filled === 'string') one.land(this.landedAfter(one, filled));
      else later.push(filled.then((known) => one.land(this.landedAfter(one, known))));
    }
    if (later.length > 0) await Promise.all(later);
  }

  /** Giving back is a courtesy: what can't be given back runs out by itself. False: the store could not be reached, or the lease says so. */
  async release(give: () => Promise<boolean | void> | undefined): Promise<boolean> {
    const isGone = await unlessAway(async () => (await give()) !== false);
    return isGone === true;
  }

  refused(key: Key, reason: CacheEvents['loadRefused']['reason']): void {
    if (channels.loadRefused.hasSubscribers) channels.loadRefused.publish({ cache: this.cache, key: key.text, reason });
  }

  /** @param outcome undefined: the store could not be reached. */
  private judge<V>({ key }: Wanted<V>, placed: Placed, outcome: WriteOutcome | undefined): Filled | Promise<Filled> {
    if (outcome?.status === 'stored') return 'stored';
    if (!outcome) {
      this.refused(key, 'unavailable');
      return 'unknown';
    }
    if (outcome.status !== 'too-large') {
      this.refused(key, 'lease-lost');
      return 'refused';
    }
    this.refused(key, 'too-large');
    const message = `Larger than the ${outcome.maxBytes} bytes that the store takes.`;
    reportFault({ source: this.cache, kind: 'too-large', message, key: key.text });
    return this.invalidations.sendOne(placed, { keeps: true }).then(() => 'unknown');
  }

  private landedAfter<V>({ key, policy, tags, made }: Wanted<V>, filled: Filled): Landed<V> {
    const { copy } = made as NewEntry<V>;
    if (filled === 'refused' || !tags) this.near.process?.delete(key.id);
    else if (!this.near.keep(key, copy, policy)) this.refused(key, 'invalidated');
    return { copy, keptForRequest: true };
  }

  private seal<V>({ made }: Wanted<V>, { storeKey }: Placed): Buffer {
    const { head, payload } = made as NewEntry<V>;
    return sealEnvelope(storeKey, head, payload);
  }

  private lifeMs<V>({ made, policy }: Wanted<V>, now: number): number {
    const { staleUntil } = (made as NewEntry<V>).head;
    return storedLifeMs(this.coherence.store, policy.idleMs, staleUntil, now);
  }
}
