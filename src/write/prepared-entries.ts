import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { mayEndByValue } from '../catalogue/instants.js';
import type { EntryInstants } from '../catalogue/instants.js';
import { assertStorable, encodeFor } from '../codec/encode-for.js';
import { sealEnvelope } from '../codec/envelope.js';
import type { Coherence } from '../coherence/coherence.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { EncodedValue, EntryOrigin, NewEntries, NewEntry } from '../near/new-entries.js';
import type { NearCopy } from '../near/near-copy.js';
import type { TagNotes } from '../near/tag-notes.js';
import type { CacheClock } from '../value/cache-clock.js';
import { unlessAway } from '../value/unless-away.js';
import { CallOrder } from './call-order.js';

export interface Write<V> {
  readonly key: Key;
  readonly value: V;
  readonly policy: EntryPolicy<V>;
}

/** A value that was encoded, and what the store and the near tiers will hold of it. */
export interface Prepared extends NewEntry {
  readonly key: Key;
  readonly policy: Pick<EntryPolicy, 'nearby' | 'shared' | 'idleMs'>;
  readonly placed: Placed | undefined;
  /** Absent where the store is not to hold it. */
  readonly sealed: Buffer | undefined;
  /** The same under the list of versions of now. */
  readonly anew: () => Prepared;
}

/**
 * Whether readers take what was prepared for an entry of the present. Not where the list of versions began anew since: somebody cleared, or the store lost
 * what it had.
 */
export function isCurrent({ placed, head }: Prepared): boolean {
  return placed === undefined || generationAt(placed) === head.generation;
}

const generationAt = ({ feed, space }: Placed): number => feed.versions.generationOf(space) ?? 0;

/** What of an entry goes on in the one that is made from it. */
export interface Kept {
  /** Its instants, where its life goes on. */
  readonly life: EntryInstants | undefined;
  /** Its tags with their generations, its version, and where it may be kept. */
  readonly entry: Pick<NearCopy, 'tags' | 'version' | 'storeOnly'> | undefined;
}

/** Makes of values what is written of them. */
export class PreparedEntries {
  private readonly order = new CallOrder();

  constructor(
    private readonly coherence: Coherence,
    private readonly entries: NewEntries,
    private readonly notes: TagNotes,
    private readonly clock: CacheClock,
  ) {}

  /**
   * What `begin` makes of what was prepared, in the order of calls: what is called later for these keys waits for both. At once where neither has to wait.
   * @throws UnencodableValueError, InvalidDurationError, the signal's reason: nothing was written then.
   */
  prepare<V, R>(writes: readonly Write<V>[], begin: (prepared: Prepared[]) => R | Promise<R>): R | Promise<R> {
    const encoded = writes.map((write) => this.encodeDated(write));
    return this.order.after(idsOf(writes.map(({ key }) => key)), () => {
      const prepared = this.prepareNow(encoded);
      return prepared instanceof Promise ? prepared.then(begin) : begin(prepared);
    });
  }

  /** Resolves when what was called earlier for these keys is being sent; undefined: nothing waits. */
  behind(keys: readonly Key[]): Promise<unknown> | undefined {
    return this.order.behind(idsOf(keys));
  }

  private prepareNow<V>(values: readonly EncodedValue<V>[]): Prepared[] | Promise<Prepared[]> {
    const tags = [...new Set(values.flatMap(({ policy }) => policy.tags))];
    const mark = this.coherence.names.position;
    if (tags.length === 0) return values.map((value) => this.prepareOne(value, undefined, mark));
    return this.generationsOf(tags).then((known) => values.map((value) => this.prepareOne(value, known, mark)));
  }

  /** What is written under a tag that can't be read is served to nobody. The other entries of the call are. */
  private async generationsOf(tags: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return (await unlessAway(() => this.notes.readAnew(tags))) ?? this.notes.readEach(tags, true);
  }

  /**
   * To be called before anything is waited for: the caller may change the value afterwards.
   * @throws UnencodableValueError, the signal's reason.
   */
  encode<V>({ key, value, policy }: Write<V>): EncodedValue<V> {
    policy.signal?.throwIfAborted();
    const { codec } = policy.serving;
    assertStorable(codec, value);
    return { key, value, policy, payload: encodeFor(key, codec, value) };
  }

  /**
   * What waits before it is written ends when the value of the call does. To be called before anything is waited for, as `encode`.
   * @throws what `encode` does, and what `ttl` throws.
   */
  encodeDated<V>(write: Write<V>): EncodedValue<V> {
    const { life } = write.policy;
    const encoded = this.encode(write);
    if (!mayEndByValue(life)) return encoded;
    const now = this.clock.now();
    const instants = this.entries.instantsOf(life, write.value, now);
    return { ...encoded, life: instants.freshUntil > now ? instants : 'over' };
  }

  /** @param mark the position among invalidated names before the generations were asked for. */
  prepareOne<V>(
    encoded: EncodedValue<V>,
    generations: ReadonlyMap<string, number> | undefined,
    mark: number,
    { life, entry }: Kept = nothing,
  ): Prepared {
    const { key, policy } = encoded;
    policy.signal?.throwIfAborted();
    const placed = policy.shared ? this.coherence.place(key) : undefined;
    const origin = {
      placed,
      createdAt: this.clock.now(),
      loadCostMs: 0,
      mark,
      tags: policy.tags.map((tag) => ({ tag, generation: generations?.get(tag) ?? 0 })),
    };
    return this.seal(encoded, entry ? goingOn(origin, entry) : origin, life);
  }

  private seal<V>(
    encoded: EncodedValue<V>,
    origin: Omit<EntryOrigin, 'generation'>,
    kept: EntryInstants | undefined,
  ): Prepared {
    const { placed } = origin;
    const { key, policy, payload } = encoded;
    const generation = placed ? generationAt(placed) : 0;
    const entry = this.entries.make(encoded, { ...origin, generation }, kept);
    const sealed = placed && !entry.isForRequest ? sealEnvelope(placed.storeKey, entry.head, payload) : undefined;
    const anew = (): Prepared => this.seal(encoded, { ...origin, mark: entry.copy.mark }, kept);
    return { key, policy, placed, sealed, ...entry, anew };
  }
}

const idsOf = (keys: readonly Key[]): string[] => keys.map(({ id }) => id);

const nothing: Kept = { life: undefined, entry: undefined };

/**
 * What is made from an entry is no newer than that: 1. a value is read, whose tag is at generation 1; 2. the tag is invalidated; 3. what was made of the
 * value is written, under generation 1, and nobody is served it.
 */
function goingOn<O extends Pick<EntryOrigin, 'tags'>>(
  origin: O,
  { tags, version, storeOnly }: NonNullable<Kept['entry']>,
): O & Pick<EntryOrigin, 'version' | 'storeOnly'> {
  const others = origin.tags.filter(({ tag }) => !tags.some((one) => one.tag === tag));
  return { ...origin, tags: [...tags, ...others], version, storeOnly };
}
