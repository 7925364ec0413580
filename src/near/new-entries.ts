import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { resolveInstants } from '../catalogue/instants.js';
import type { EntryInstants, LifeOptions } from '../catalogue/instants.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { TagGeneration } from '../value/entry.js';
import type { NearCopy } from './near-copy.js';
import type { StoredEntries } from './stored-entries.js';

/** A value and what its codec made of it. */
export interface EncodedValue<V> {
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  readonly value: V;
  readonly payload: Uint8Array;
  /** As the value said when it was given. Default: as it says when it is written. */
  readonly life?: EntryInstants;
}

/** What was true when a value was written, or its load began. */
export interface EntryOrigin {
  /** Where it goes in the store, if it goes there. */
  readonly placed: Placed | undefined;
  /** In epoch milliseconds: its life counts from here. */
  readonly createdAt: number;
  readonly loadCostMs: number;
  /** The generation that entries of this version carry on the key's shard. */
  readonly generation: number;
  /** The position among invalidated names. */
  readonly mark: number;
  readonly tags: readonly TagGeneration[];
  /** Of the entry that it was made from, where the policy names none. */
  readonly version?: string | undefined;
  /** That entry is to be kept near by nobody. */
  readonly storeOnly?: boolean;
}

/** What the store and the near tiers will hold of a value. */
export interface NewEntry<V = unknown> {
  readonly head: EnvelopeHead;
  readonly payload: Uint8Array;
  readonly copy: NearCopy<V>;
  /** A life of 0: the request goes on with the copy, and nobody else is given it. */
  readonly isForRequest: boolean;
}

/** Dates values that were loaded or written, and makes the copies that their callers are given. */
export class NewEntries {
  constructor(
    private readonly entries: StoredEntries,
    private readonly random: () => number,
  ) {}

  /**
   * @param kept the instants of the entry that is replaced, where its life goes on.
   * @throws InvalidDurationError, InvalidOptionError; what `ttl` and the codec throw.
   */
  make<V>(
    { key, policy, value, payload, life: own }: EncodedValue<V>,
    origin: EntryOrigin,
    kept?: EntryInstants,
  ): NewEntry<V> {
    const { placed, createdAt, loadCostMs, generation, mark, tags } = origin;
    const { codec, version = origin.version } = policy.serving;
    // What waited for longer than it was to live begins its life when it is written, where that is a span.
    const given = own && own.freshUntil > createdAt ? own : undefined;
    const life = kept ?? given ?? this.instantsOf(policy.life, value, createdAt);
    const isForRequest = kept === undefined && life.freshUntil <= createdAt;
    const head: EnvelopeHead = {
      codec: codec.name,
      createdAt,
      freshUntil: isForRequest ? Infinity : life.freshUntil,
      staleUntil: isForRequest ? Infinity : life.staleUntil,
      loadCostMs,
      generation,
      version,
      storeOnly: policy.nearby && origin.storeOnly !== true ? undefined : true,
      tags,
    };
    const trust = placed
      ? this.entries.trustIn(placed.feed, tags)
      : this.entries.trustWithoutStore(key, tags, createdAt);
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return { head, payload, copy: this.entries.copyOf(head, bytes, policy, trust, mark), isForRequest };
  }

  /** @throws InvalidDurationError, InvalidOptionError; what `ttl` throws. */
  instantsOf<V>(life: LifeOptions<V>, value: V, createdAt: number): EntryInstants {
    return resolveInstants(life, value, createdAt, this.random);
  }
}
