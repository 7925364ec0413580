import type { Codec, Isolation } from '../codec/codec.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import { freeze } from './freeze.js';
import type { Trust } from './trust.js';

/** A decoded entry as the request and process tiers keep it. Immutable but for the trust that it shares with its neighbours. */
export class NearCopy<V = unknown> {
  /**
   * The value, already resolved, where all readers may be given the same one: a hit returns it as it is and allocates nothing.
   * `undefined` for values that each reader gets anew.
   */
  readonly promise: Promise<V> | undefined;
  /** What the log calls the key, where that can't be told from its id. */
  alias: string | undefined;
  /** Not before then is a refresh tried again: the last one failed, or another process is at it. */
  refreshNotBefore = 0;
  /** Hits are answered without a second look until then: fresh, and not yet due for an early refresh or a touch. */
  readonly servedUntil: number;
  private readonly shared: V | undefined;

  constructor(
    readonly head: EnvelopeHead,
    private readonly payload: Buffer | undefined,
    private readonly codec: Codec<V>,
    readonly isolation: Isolation,
    readonly trust: Trust,
    readonly sizeBytes: number,
    decoded: V,
    servedUntil: number = head.freshUntil,
  ) {
    this.servedUntil = servedUntil;
    if (isolation === 'clone') return;
    this.shared = isolation === 'freeze' ? freeze(decoded) : decoded;
    this.promise = Promise.resolve(this.shared);
  }

  /** The value for one reader. */
  read(): V {
    return this.payload === undefined ? (this.shared as V) : this.codec.decode(this.payload);
  }

  get codecName(): string {
    return this.codec.name;
  }

  get freshUntil(): number {
    return this.head.freshUntil;
  }

  get staleUntil(): number {
    return this.head.staleUntil;
  }
}
