import { encodeFor } from '../codec/encode-for.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import { removalOf } from '../coherence/shard-invalidations.js';
import type { Key } from '../key/key.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { NewEntries, NewEntry } from '../near/new-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import type { FillLease } from '../origin/fill-lease.js';
import { byShard } from '../store/placement.js';
import { allSettled } from '../value/all-settled.js';
import type { CacheClock } from '../value/cache-clock.js';
import { StoreUnavailableError } from '../value/errors.js';
import { FilledValues } from './filled-values.js';
import type { Landed } from './flight.js';
import type { LoadCause, LoadStart, RunLoad } from './load-start.js';
import { LoadTags } from './load-tags.js';
import { ShortLives } from './short-lives.js';
import type { Wanted } from './wanted.js';

/** When a load ended, what it took, and what its entries are dated by. In milliseconds. */
interface Dates {
  readonly now: number;
  readonly loadCostMs: number;
  readonly createdAt: number;
}

/** Decides what becomes of a loaded value: which tiers keep it, for how long, and what its callers are given. */
export class LoadedValues {
  private readonly shortLives: ShortLives;
  private readonly tags: LoadTags;
  private readonly filled: FilledValues;

  constructor(
    cache: string,
    private readonly coherence: Coherence,
    private readonly near: NearTiers,
    private readonly entries: NewEntries,
    private readonly clock: CacheClock,
    notes: TagNotes,
  ) {
    this.shortLives = new ShortLives(cache);
    this.tags = new LoadTags(coherence, notes);
    this.filled = new FilledValues(cache, coherence, near, clock);
  }

  /** Notes what is true now, after the leases were won. Called before the loader is. */
  async begin<V>(mine: readonly Wanted<V>[], cause: LoadCause): Promise<LoadStart> {
    const start = { startedAt: this.clock.monotonic(), mark: this.coherence.names.position, cause };
    const asked: Promise<void>[] = [];
    for (const one of mine) {
      const { placed, policy } = one;
      one.generation = placed?.feed.versions.generationOf(placed.space) ?? 0;
      if (policy.tags.length === 0) continue;
      asked.push(this.tags.atStart(policy.tags, placed).then((tags) => void (one.tags = tags)));
    }
    if (asked.length > 0) await Promise.all(asked);
    return start;
  }

  /**
   * Every caller gets the decoded copy, whether it is kept or not. Those that nothing is special about are sealed together and written in one round trip.
   * @throws for the first that fails: UnencodableValueError and what `ttl`, `cacheIf` or a validator throw. By then all others are kept.
   */
  async keepAll<V>(
    mine: readonly Wanted<V>[],
    loaded: ReadonlyMap<string, V | undefined>,
    load: RunLoad,
  ): Promise<void> {
    const alone: Wanted<V>[] = [];
    const together: Wanted<V>[] = [];
    const dates = this.dates(load);
    const mayGoTogether = mine.length > 1 && load.added.length === 0 && !load.reads.needsThought;
    for (const one of mine) {
      const isMade = mayGoTogether && this.makePlainly(one, loaded.get(one.key.id), load, dates);
      (isMade ? together : alone).push(one);
    }
    const groups = byShard(together, ({ placed }) => (placed as Placed).shard);
    await allSettled([
      ...[...groups].map(([shard, group]) => this.filled.many<V>(shard, group, dates.now)),
      ...alone.map(async (one) => one.land(await this.keep(one, loaded.get(one.key.id), load, dates))),
    ]);
  }

  private async keep<V>(one: Wanted<V>, value: V | undefined, load: RunLoad, dates: Dates): Promise<Landed<V>> {
    if (value !== undefined) return this.keepValue(one, value, load, dates);
    const unverified = load.reads.needsThought && !(await load.reads.mayKeep());
    return { ...(await this.keepNothing(one, load)), unverified };
  }

  /**
   * There is none: nothing is stored, and what was stored before and still served is no longer so. What this process holds stands in the store as well, though
   * the load may have had no part in it: it could not be reached, or was not read of late.
   */
  async keepNothing<V>({ key, policy, lease, placed }: Wanted<V>, { cause, mark }: LoadStart): Promise<Landed<never>> {
    const isOvertaken = this.near.namedSince(key, [], mark);
    const replaces = cause !== 'miss' || lease?.standing === true || this.near.holds(key.id);
    if (replaces) this.near.name(key);
    // A fill of this process that is on its way still is of before.
    else this.coherence.names.name(this.coherence.nameOf(key));
    const withdrawnAt = isOvertaken ? mark : this.coherence.names.position;
    if (replaces) {
      await this.removeShared(lease, placed);
      const place = placed ?? (policy.shared ? this.coherence.place(key) : undefined);
      if (place && !lease?.standing) await this.takeBack(key, place);
    } else await this.filled.release(() => lease?.giveBack());
    return { copy: undefined, keptForRequest: false, none: true, withdrawnAt };
  }

  /** Removed, and told to all. Where the store can't be reached that is sent again until it is acknowledged, and this process reads the source meanwhile. */
  private async takeBack(key: Key, placed: Placed): Promise<void> {
    const send = async (): Promise<void> => {
      await this.coherence.invalidationsOf(placed.shard).send([removalOf(placed)], this.clock.now());
    };
    try {
      await send();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const resend = (): Promise<void> => send().then(() => this.near.name(key));
      this.coherence.outbox.add({ name: placed.name, shown: key.text, resend });
    }
  }

  private async keepValue<V>(one: Wanted<V>, value: V, load: RunLoad, dates: Dates): Promise<Landed<V>> {
    const { key, policy, lease } = one;
    const { reads, cause } = load;
    const payload = encodeFor(key, policy.serving.codec, value);
    one.tags = await this.tags.of(one, load);
    const made = this.make(one, value, payload, load, dates);
    const unverified = reads.needsThought && !(await reads.mayKeep());
    if (made.isForRequest) return { ...(await this.keepForRequest(one, made, load)), unverified };
    if (policy.cacheIf?.(value) === false) {
      await this.filled.release(() => lease?.giveBack());
      return { copy: made.copy, keptForRequest: false, unverified };
    }
    if (unverified) return this.keepNowhere(one, made, 'unverified');
    if (this.clock.now() >= made.head.staleUntil) {
      this.shortLives.note(key);
      return this.keepNowhere(one, made, 'expired');
    }
    return this.filled.one(one, cause);
  }

  /** False: something is special about it, or wrong, and it is kept alone. */
  private makePlainly<V>(one: Wanted<V>, value: V | undefined, load: RunLoad, dates: Dates): boolean {
    const { key, policy, lease, placed } = one;
    if (value === undefined || !lease || !placed?.shard.writeMany || !isPlainFill(one, load)) return false;
    try {
      const made = this.make(one, value, encodeFor(key, policy.serving.codec, value), load, dates);
      return !made.isForRequest && dates.now < made.head.staleUntil;
    } catch {
      return false;
    }
  }

  private make<V>(
    one: Wanted<V>,
    value: V,
    payload: Uint8Array,
    { mark }: LoadStart,
    { createdAt, loadCostMs }: Dates,
  ): NewEntry<V> {
    const { key, policy, placed, generation } = one;
    // Not stored without their generations; the request still drops the copy by their names.
    const tags = one.tags ?? policy.tags.map((tag) => ({ tag, generation: 0 }));
    const origin = { placed, createdAt, loadCostMs, generation, mark, tags };
    return (one.made = this.entries.make({ key, policy, value, payload }, origin));
  }

  /** Dated at the end, by what the load took: a wall clock that was stepped meanwhile changes no life. */
  private dates({ startedAt }: LoadStart): Dates {
    const now = this.clock.now();
    const loadCostMs = Math.max(0, this.clock.monotonic() - startedAt);
    return { now, loadCostMs, createdAt: now - Math.floor(loadCostMs) };
  }

  /** Its callers get the value, and nobody else does. */
  private async keepNowhere<V>(
    { key, lease }: Wanted<V>,
    { copy }: NewEntry<V>,
    reason: 'unverified' | 'expired',
  ): Promise<Landed<V>> {
    await this.filled.release(() => lease?.giveBack());
    this.near.dropAfterRefusal(key);
    this.filled.refused(key, reason);
    return { copy, keptForRequest: reason === 'expired', unverified: reason === 'unverified' };
  }

  /** `ttl: 0`: this request may go on with it; whatever others share under this key goes. */
  private async keepForRequest<V>(
    { key, lease, placed }: Wanted<V>,
    { copy }: NewEntry<V>,
    { mark }: LoadStart,
  ): Promise<Landed<V>> {
    const keptForRequest = !this.near.invalidatedSince(key, copy.tags, mark);
    this.near.withdraw(key);
    const withdrawnAt = keptForRequest ? this.coherence.names.position : mark;
    await this.removeShared(lease, placed);
    return { copy, keptForRequest, withdrawnAt };
  }

  /** After the key was named: whoever reads the store meanwhile does not keep it. */
  private async removeShared(lease: FillLease | undefined, placed: Placed | undefined): Promise<void> {
    await this.filled.release(() => lease?.removeItem());
    if (lease?.standing && placed) await this.filled.release(() => this.filled.tell(placed));
  }
}

/** Nothing is asked of the user's code but to encode, and nothing needs to be known first: it may be made up twice. */
function isPlainFill<V>({ policy, tags }: Wanted<V>, { cause }: LoadStart): boolean {
  const { life, cacheIf, shared, inheritTags, idleMs } = policy;
  const isFixed = typeof life.ttl === 'number' && life.negative === undefined;
  return (
    isFixed && !cacheIf && shared && !inheritTags && idleMs === undefined && tags?.length === 0 && cause === 'miss'
  );
}
