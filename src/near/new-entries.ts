import type { EntryPolicy } from '../catalogue/entry-policy.js';
import { resolveInstants } from '../catalogue/instants.js';
import type { EntryInstants, LifeOptions } from '../catalogue/instants.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { TagGeneration } from '../value/entry.js';
import { lastingText } from '../value/lasting-text.js';
import type { NearCopy } from './near-copy.js';
import type { StoredEntries } from './stored-entries.js';

/** A value and what its codec made of it. */
export interface EncodedValue<V> {
  readonly key: Key;
  readonly policy: EntryPolicy<V>;
  readonly value: V;
  readonly payload: Uint8Array;
  /** As the value said when it was given; `over`: it is not to be kept. Default: as it says when it is written. */
  readonly life?: EntryInstants | 'over';
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
  make<V>(encoded: EncodedValue<V>, origin: EntryOrigin, kept?: EntryInstants): NewEntry<V> {
    const { key, policy, payload } = encoded;
    const { placed, createdAt, loadCostMs, generation, mark } = origin;
    const tags = origin.tags.map((one) => ({ ...one, tag: lastingText(one.tag) }));
    const { codec, version = origin.version } = policy.serving;
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const life = kept ?? this.lifeOf(encoded, bytes, createdAt);
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
    return { head, payload, copy: this.entries.copyOf(head, bytes, policy, trust, mark), isForRequest };
  }

  /**
   * The instants of the call, while they last. Once they are over, a span begins anew with the write. It is asked of the encoded value: the
   * caller may have changed its object since.
   */
  private lifeOf<V>({ policy, value, life }: EncodedValue<V>, bytes: Buffer, createdAt: number): EntryInstants {
    if (life === 'over') return { freshUntil: createdAt, staleUntil: createdAt };
    if (life && life.freshUntil > createdAt) return life;
    const ofCall = life ? policy.serving.codec.decode(bytes) : value;
    return this.instantsOf(policy.life, ofCall, createdAt);
  }

  /** @throws InvalidDurationError, InvalidOptionError; what `ttl` throws. */
  instantsOf<V>(life: LifeOptions<V>, value: V, createdAt: number): EntryInstants {
    return resolveInstants(life, value, createdAt, this.random);
  }
}
