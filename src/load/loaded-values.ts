import { encodeFor } from '../codec/encode-for.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Invalidations } from '../near/invalidations.js';
import type { NearCopy } from '../near/near-copy.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { NewEntries, NewEntry } from '../near/new-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { byShard } from '../store/placement.js';
import type { ItemWrite } from '../store/store.js';
import { allSettled } from '../value/all-settled.js';
import type { CacheClock } from '../value/cache-clock.js';
import { FilledValues } from './filled-values.js';
import type { WrittenValue } from './filled-values.js';
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
    private readonly invalidations: Invalidations,
    private readonly entries: NewEntries,
    private readonly clock: CacheClock,
    notes: TagNotes,
  ) {
    this.shortLives = new ShortLives(cache);
    this.tags = new LoadTags(coherence, notes);
    this.filled = new FilledValues(cache, coherence, near, invalidations, clock);
  }

  /** Notes what is true now, after the leases were won. Called before the loader is. */
  async begin<V>(mine: readonly Wanted<V>[], cause: LoadCause): Promise<LoadStart> {
    const [startedAt, startedNow] = [this.clock.monotonic(), this.clock.now()];
    const start = { startedAt, startedNow, mark: this.coherence.names.position, cause };
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
    const together: WrittenValue<V>[] = [];
    const dates = this.dates(load);
    const mayGoTogether = mine.length > 1 && load.added.length === 0 && !load.reads.needsThought;
    for (const one of mine) {
      const write = mayGoTogether ? this.writePlainly(one, loaded.get(one.key.id), load, dates) : undefined;
      if (write) together.push({ one, write });
      else alone.push(one);
    }
    const groups = byShard(together, ({ one }) => (one.placed as Placed).shard);
    await allSettled([
      ...[...groups].map(([shard, group]) => this.filled.many(shard, group)),
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
  async keepNothing<V>(one: Wanted<V>, start: LoadStart): Promise<Landed<never>> {
    const { key } = one;
    const isReplacing = replaces(one, start) || this.near.holds(key.id);
    // A fill of this process that is on its way still is of before. A request that was told the same before was told what is true.
    const withdrawnAt = await this.takeBack(one, start, isReplacing, [], () =>
      isReplacing ? this.near.name(key) : this.coherence.names.withdraw(this.coherence.nameOf(key)),
    );
    return { copy: undefined, keptForRequest: false, withdrawnAt };
  }

  /**
   * What is stored is removed, but for what was stored since the load began, and all are told. Where the store can't be reached that is sent again until it is
   * acknowledged, and this process reads the source meanwhile. The key is named before and after: 1. it is named; 2. a look-up here reads the old item, which
   * is removed; 3. the look-up's answer comes.
   *
   * A lease removes what it was won for, and nothing else. What still stands was stored since the load began: 1. a load wins a stub; 2. the key is set;
   * 3. the load finds none.
   * @returns the position since which the naming of others counts for what the load brought.
   */
  private async takeBack<V>(
    one: Wanted<V>,
    { mark, cause }: LoadStart,
    isReplacing: boolean,
    tags: NearCopy['tags'],
    name: () => void,
  ): Promise<number> {
    const { key, policy, lease, placed } = one;
    let isOvertaken = this.near.invalidatedSince(key, tags, mark);
    name();
    const { position } = this.coherence.names;
    const isGone = await this.filled.release(() => (isReplacing ? lease?.removeItem() : lease?.giveBack()));
    const place = placed ?? (policy.shared ? this.coherence.place(key) : undefined);
    const keeps = isGone && (lease !== undefined || foundNothing(one, cause));
    if (isReplacing && place) await this.invalidations.sendOne(place, { keeps });
    isOvertaken ||= this.near.invalidatedSince(key, tags, position);
    if (isReplacing) name();
    return isOvertaken ? mark : this.coherence.names.position;
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
    if (unverified || this.clock.now() >= made.head.staleUntil)
      return this.keepNowhere(one, cause, unverified ? 'unverified' : 'expired');
    return this.filled.one(one, cause);
  }

  /** Undefined: something is special about it, or wrong, and it is kept alone. */
  private writePlainly<V>(one: Wanted<V>, value: V | undefined, load: RunLoad, dates: Dates): ItemWrite | undefined {
    const { key, policy, lease, placed } = one;
    if (value === undefined || !placed?.shard.writeMany || !lease?.isOneWrite || !isPlainFill(one, load))
      return undefined;
    try {
      const made = this.make(one, value, encodeFor(key, policy.serving.codec, value), load, dates);
      if (made.isForRequest || dates.now >= made.head.staleUntil) return undefined;
      return this.filled.writeOf(one, placed, lease, dates.now);
    } catch {
      return undefined;
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

  /**
   * Dated by the start, and at the end by what the load took, if that is earlier: a machine that was suspended meanwhile has missed that on its monotonic
   * clock, and a wall clock that was set back lengthens no life.
   */
  private dates({ startedAt, startedNow }: LoadStart): Dates {
    const now = this.clock.now();
    const loadCostMs = Math.max(0, this.clock.monotonic() - startedAt);
    return { now, loadCostMs, createdAt: Math.min(startedNow, now - Math.floor(loadCostMs)) };
  }

  /** Its callers get the value, and nobody else does. */
  private async keepNowhere<V>(one: Wanted<V>, cause: LoadCause, reason: 'unverified' | 'expired'): Promise<Landed<V>> {
    const { key } = one;
    const { copy } = one.made as NewEntry<V>;
    if (reason === 'expired') this.shortLives.note(key);
    const left = await this.filled.leaveNothing(one, cause);
    this.near.process?.delete(key.id);
    this.filled.refused(key, reason);
    return { copy, keptForRequest: reason === 'expired', unverified: reason === 'unverified', ...left };
  }

  /** `ttl: 0`: this request may go on with it; what others share goes where the load was to replace it, or this process holds it. */
  private async keepForRequest<V>(one: Wanted<V>, { copy }: NewEntry<V>, start: LoadStart): Promise<Landed<V>> {
    const { key } = one;
    const isReplacing = replaces(one, start) || this.near.process?.peek(key.id) !== undefined;
    const withdrawnAt = await this.takeBack(one, start, isReplacing, copy.tags, () => this.near.withdraw(key));
    return { copy, keptForRequest: true, withdrawnAt };
  }
}

/** Whether something is still served that the load was to replace, or may be. */
function replaces<V>({ lease }: Wanted<V>, { cause }: LoadStart): boolean {
  return cause !== 'miss' || lease?.standing === true;
}

/** The store held nothing when it was asked, though no right was won. */
function foundNothing<V>({ placed, reason }: Wanted<V>, cause: LoadCause): boolean {
  return cause === 'miss' && placed !== undefined && reason === 'absent';
}

/** Nothing is asked of the user's code but to encode, and nothing needs to be known first: it may be made up twice. */
function isPlainFill<V>({ policy, tags }: Wanted<V>, { cause }: LoadStart): boolean {
  const { life, cacheIf, shared, inheritTags, idleMs } = policy;
  const isFixed = typeof life.ttl === 'number' && life.negative === undefined;
  return (
    isFixed && !cacheIf && shared && !inheritTags && idleMs === undefined && tags?.length === 0 && cause === 'miss'
  );
}
