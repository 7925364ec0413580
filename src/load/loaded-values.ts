import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { encodeFor } from '../codec/encode-for.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import { removalOf } from '../coherence/shard-invalidations.js';
import type { NearTiers } from '../near/near-tiers.js';
import type { NewEntries } from '../near/new-entries.js';
import type { TagNotes } from '../near/tag-notes.js';
import { byShard } from '../store/placement.js';
import type { CacheClock } from '../value/cache-clock.js';
import type { TagGeneration } from '../value/entry.js';
import { StoreUnavailableError } from '../value/errors.js';
import { FilledValues } from './filled-values.js';
import type { Landed } from './flight.js';
import type { LoadReads } from './load-reads.js';
import type { LoadCause, LoadStart } from './load-start.js';
import { LoadTags } from './load-tags.js';
import type { Begun, Loaded, MadeValue } from './made-value.js';
import { ShortLives } from './short-lives.js';
import type { Wanted } from './wanted.js';

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

  /** Notes what is true now, after the lease was won. Called before the loader is. At once, unless the tags must be asked for. */
  begin<V>(one: Wanted<V>, cause: LoadCause): Begun<V> | Promise<Begun<V>> {
    const { placed, lease, policy } = one;
    const start = {
      startedAt: this.clock.monotonic(),
      mark: this.coherence.names.position,
      generation: placed?.feed.versions.generationOf(placed.space) ?? 0,
      placed,
      lease,
      cause,
      tags: noTags,
    };
    if (policy.tags.length === 0) return { one, start };
    return this.tags.atStart(policy.tags, placed).then((tags) => ({ one, start: { ...start, tags } }));
  }

  /**
   * Every caller gets the decoded copy, whether it is kept or not.
   * @param added tags that the loader named meanwhile.
   * @throws UnencodableValueError and what `ttl`, `cacheIf` or a validator throw; the lease is given back then.
   */
  async keep<V>(loaded: Loaded<V>, reads: LoadReads, added: readonly string[]): Promise<Landed<V>> {
    const { value, start } = loaded;
    try {
      if (value === undefined) return await this.keepNothing(loaded);
      return await this.keepValue(loaded, value, reads, added);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      await this.filled.release(() => start.lease?.giveBack());
      throw error;
    }
  }

  /** There is none: nothing is stored, and what was stored before and still served is no longer so. */
  async keepNothing<V>({ one: { key }, start }: Begun<V>): Promise<Landed<never>> {
    const { lease, placed } = start;
    const replaces = start.cause !== 'miss' || lease?.standing === true;
    if (!replaces && !this.near.holds(key.id)) {
      await this.filled.release(() => lease?.giveBack());
      return nothing;
    }
    this.near.name(key);
    await this.removeShared(start);
    if (placed && !lease?.standing && replaces)
      await this.filled.release(() =>
        this.coherence.invalidationsOf(placed.shard).send([removalOf(placed)], this.clock.now()),
      );
    return nothing;
  }

  private async keepValue<V>(
    loaded: Loaded<V>,
    value: V,
    reads: LoadReads,
    added: readonly string[],
  ): Promise<Landed<V>> {
    const { one, start } = loaded;
    const { key, policy } = one;
    const payload = encodeFor(key, policy.serving.codec, value);
    const tags = await this.tags.of(start, policy, reads, added);
    const made = this.made(loaded, value, payload, tags);
    if (made.isForRequest) return this.keepForRequest(made);
    if (policy.cacheIf?.(value) === false) {
      await this.filled.release(() => start.lease?.giveBack());
      return { copy: made.copy, keptForRequest: false };
    }
    if (reads.needsThought && !(await reads.mayKeep())) return this.keepNowhere(made, 'unverified');
    if (this.clock.now() >= made.head.staleUntil) {
      this.shortLives.note(key);
      return this.keepNowhere(made, 'expired');
    }
    return this.filled.one(made);
  }

  /**
   * As `keep` of each. Those that nothing is special about are sealed together and written in one round trip.
   * @throws as `keep`, for the first that fails.
   */
  async keepAll<V>(loaded: readonly Loaded<V>[], reads: LoadReads, added: readonly string[]): Promise<void> {
    const alone: Loaded<V>[] = [];
    const together: MadeValue<V>[] = [];
    const mayGoTogether = loaded.length > 1 && added.length === 0 && !reads.needsThought;
    for (const one of loaded) {
      const made = mayGoTogether ? this.plainlyMade(one) : undefined;
      if (made) together.push(made);
      else alone.push(one);
    }
    const groups = byShard(together, ({ start }) => (start.placed as Placed).shard);
    await Promise.all([
      ...[...groups].map(([shard, group]) => this.filled.many<V>(shard, group)),
      ...alone.map(async (each) => each.one.land(await this.keep(each, reads, added))),
    ]);
  }

  /** Undefined: something is special about it, or wrong, and it is kept alone. */
  private plainlyMade<V>(loaded: Loaded<V>): MadeValue<V> | undefined {
    const { value, start, one } = loaded;
    const { policy } = one;
    if (value === undefined || !start.placed?.shard.writeMany || !start.lease || !isPlainFill(policy, start))
      return undefined;
    try {
      const made = this.made(loaded, value, encodeFor(one.key, policy.serving.codec, value), noTags);
      return made.isForRequest || this.clock.now() >= made.head.staleUntil ? undefined : made;
    } catch {
      return undefined;
    }
  }

  /** @param tags undefined: their generations are not known. */
  private made<V>(
    { one, start }: Loaded<V>,
    value: V,
    payload: Uint8Array,
    tags: readonly TagGeneration[] | undefined,
  ): MadeValue<V> {
    const { key, policy } = one;
    const { placed, generation, mark } = start;
    const loadCostMs = Math.max(0, this.clock.monotonic() - start.startedAt);
    const origin = {
      placed,
      // Dated at the end, by what the load took: a wall clock that was stepped meanwhile changes no life.
      createdAt: this.clock.now() - Math.floor(loadCostMs),
      loadCostMs,
      generation,
      mark,
      // Not stored without their generations; the request still drops the copy by their names.
      tags: tags ?? policy.tags.map((tag) => ({ tag, generation: 0 })),
    };
    const { head, copy, isForRequest } = this.entries.make({ key, policy, value, payload }, origin);
    return { one, start, head, payload, copy, isForRequest, isTagged: tags !== undefined };
  }

  /** Its callers get the value, and nobody else does. */
  private async keepNowhere<V>(
    { one: { key }, copy, start }: MadeValue<V>,
    reason: 'unverified' | 'expired',
  ): Promise<Landed<V>> {
    await this.filled.release(() => start.lease?.giveBack());
    this.near.dropAfterRefusal(key);
    this.filled.refused(key, reason);
    return { copy, keptForRequest: reason === 'expired', unverified: reason === 'unverified' };
  }

  /** `ttl: 0`: this request may go on with it; whatever others share under this key goes. */
  private async keepForRequest<V>({ one: { key }, copy, start }: MadeValue<V>): Promise<Landed<V>> {
    const keptForRequest = !this.near.invalidatedSince(key, copy.tags, start.mark);
    this.near.withdraw(key);
    const withdrawnAt = this.coherence.names.position;
    await this.removeShared(start);
    return { copy, keptForRequest, withdrawnAt };
  }

  /** After the key was named: whoever reads the store meanwhile does not keep it. */
  private async removeShared({ lease, placed }: LoadStart): Promise<void> {
    await this.filled.release(() => lease?.removeItem());
    if (lease?.standing && placed) await this.filled.release(() => this.filled.tell(placed));
  }
}

/** Nothing is asked of the user's code but to encode, and nothing needs to be known first: it may be made up twice. */
function isPlainFill<V>(
  { life, cacheIf, shared, inheritTags, idleMs }: EntryPolicy<V>,
  { tags, cause }: LoadStart,
): boolean {
  const isFixed = (typeof life.ttl === 'string' || typeof life.ttl === 'number') && life.negative === undefined;
  return (
    isFixed && !cacheIf && shared && !inheritTags && idleMs === undefined && tags?.length === 0 && cause === 'miss'
  );
}

const noTags: readonly TagGeneration[] = Object.freeze([]);
const nothing: Landed<never> = { copy: undefined, keptForRequest: false, none: true };
