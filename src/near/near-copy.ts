import { inspect, isDeepStrictEqual } from 'node:util';
import type { Serving } from '../catalogue/entry-policy.js';
import type { EnvelopeHead } from '../codec/envelope.js';
import type { Trust } from '../coherence/trust.js';
import { kindOf } from './copy-kind.js';
import type { CopyKind } from './copy-kind.js';
import { freeze } from './freeze.js';

/**
 * A decoded entry as the request and process tiers keep it. Immutable but for the trust that it shares with its neighbours.
 *
 * Its instants are kept as durations from one that it shares with its neighbours, and from each other: durations are small integers, which V8
 * keeps in place, where each instant would take 16 bytes more.
 */
export class NearCopy<V = unknown> {
  /** Of the map that keeps it. */
  slot = 0;
  private readonly endsAfterMs: number;
  /** The position among invalidated names at which it was known to be true: what was named since is not in it. */
  mark: number;
  private readonly lifeMs: number;
  readonly loadCostMs: number;
  private kind: CopyKind;
  private readonly shared: V | undefined;
  private resolved: Promise<V> | undefined;

  /**
   * @param payload kept only where each reader gets a value of its own.
   * @param mark the position among invalidated names at which its read or load began: what was named since is not in it.
   * @param servedUntil hits are answered without a second look until then: fresh, and not yet due for an early refresh.
   */
  constructor(
    head: EnvelopeHead,
    payload: Buffer | undefined,
    serving: Serving,
    trust: Trust,
    readonly sizeBytes: number,
    decoded: V,
    mark: number,
    servedUntil: number = head.freshUntil,
  ) {
    const { isolation } = serving;
    this.kind = kindOf(head, serving, trust);
    this.endsAfterMs = head.freshUntil === Infinity ? 0 : inPlace(head.freshUntil - this.kind.nearEnd);
    this.mark = mark;
    this.lifeMs = head.freshUntil === Infinity ? 0 : inPlace(head.freshUntil - head.createdAt);
    this.loadCostMs = Math.round(head.loadCostMs);
    this.resolved = undefined;
    if (servedUntil !== head.freshUntil) this.own().servedUntil = servedUntil;
    if (payload) this.own().payload = payload;
    if (head.freshUntil === Infinity) this.own().createdAt = head.createdAt;
    this.shared = isolation === 'freeze' ? freeze(decoded) : isolation === 'share' ? decoded : undefined;
  }

  /**
   * The value, already resolved, where all readers may be given the same one: from the second hit on, a hit returns it as it is and allocates
   * nothing. `undefined` for values that each reader gets anew.
   */
  get promise(): Promise<V> | undefined {
    return this.resolved ?? this.resolve();
  }

  /** The value for one reader. */
  read(): V {
    const payload = this.kind.payload;
    return payload === undefined ? (this.shared as V) : (this.kind.serving.codec.decode(payload) as V);
  }

  /** Of two readings of the store, neither is the later one. */
  isSameEntry(other: NearCopy): boolean {
    return this.createdAt === other.createdAt && isDeepStrictEqual(this.read(), other.read());
  }

  /** This copy, of a value that was written: it is as true as when it was acknowledged. */
  markedAt(position: number): this {
    this.mark = position;
    return this;
  }

  get trust(): Trust {
    return this.kind.trust;
  }

  /** How it was decoded, and for whom: a look-up that is answered by the same needs no second look. */
  get serving(): Serving {
    return this.kind.serving;
  }

  get version(): string | undefined {
    return this.kind.shared.version;
  }

  get tags(): EnvelopeHead['tags'] {
    return this.kind.shared.tags;
  }

  get freshUntil(): number {
    return this.kind.nearEnd + this.endsAfterMs;
  }

  get servedUntil(): number {
    return this.kind.servedUntil ?? this.freshUntil;
  }

  get staleUntil(): number {
    return this.freshUntil + this.kind.shared.staleForMs;
  }

  get createdAt(): number {
    return this.kind.createdAt ?? this.freshUntil - this.lifeMs;
  }

  /** The process tier does not keep it, whoever asked for it. */
  get storeOnly(): boolean {
    return this.kind.shared.storeOnly;
  }

  /** The process tier keeps it no longer than this, however long its life. */
  get nearUntil(): number {
    return this.kind.nearUntil ?? Infinity;
  }

  set nearUntil(instant: number) {
    this.own().nearUntil = instant;
    if (instant < this.servedUntil) this.own().servedUntil = instant;
  }

  /** Not before then is a refresh tried again: the last one failed, or another process is at it. */
  get refreshNotBefore(): number {
    return this.kind.refreshNotBefore ?? 0;
  }

  set refreshNotBefore(instant: number) {
    this.own().refreshNotBefore = instant;
  }

  /** Printing a cache must not show what it holds. */
  toJSON(): object {
    return { value: '[masked]', freshUntil: this.freshUntil };
  }

  [inspect.custom](): string {
    return `NearCopy { fresh until ${this.freshUntil} }`;
  }

  private resolve(): Promise<V> | undefined {
    if (this.kind.serving.isolation === 'clone') return undefined;
    this.resolved = Promise.resolve(this.shared as V);
    return this.resolved;
  }

  private own(): ReturnType<CopyKind['own']> {
    const kind = this.kind.own();
    this.kind = kind;
    return kind;
  }
}

/** The number as V8 keeps it in the object: what a subtraction of instants leaves is kept outside, in 16 bytes, small integer or not. */
function inPlace(durationMs: number): number {
  return Math.floor(durationMs);
}
