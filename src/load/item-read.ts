import type { EntryPolicy } from '../catalogue/entry-policy.js';
import type { Placed } from '../coherence/placed.js';
import type { Key } from '../key/key.js';
import type { NearCopy } from '../near/near-copy.js';
import type { ScopeState } from '../near/request-scope.js';
import { leaseMs } from '../origin/fill-lease.js';
import type { AskedItem } from '../origin/fill-lease.js';
import { ItemAsk } from '../store/item-ask.js';
import type { ItemAnswer } from '../store/item-ask.js';
import type { ItemView } from '../store/store.js';
import type { Loader } from './loader.js';
import type { Landing, UnderWay } from './under-way.js';

/** Whoever made the read. */
export interface ReadOwner {
  /** The copy that lies there, kept near, if it may be served as it is. */
  found<V>(read: ItemRead<V>, seen: ItemView): NearCopy<V> | undefined;
  /** In the caller's own asynchronous context: a value, or a read that goes on. */
  readonly arrived: (found: unknown) => unknown;
}

/**
 * One look-up of one key on its way to the store and back: what waits on the wire, what other callers join, and what resolves their promise. Most find
 * their item, and nothing else is made for them. What only a load needs is made when it becomes one: a flight, which takes its place among those under
 * way; the key's place among wanted ones; the right to fill.
 */
export class ItemRead<V = unknown> extends ItemAsk implements UnderWay<V> {
  /** What its callers wait for. */
  readonly promise: Promise<V | undefined>;
  /** It was found, and somebody must be told in the caller's context: a request, a listener. */
  copy: NearCopy<V> | undefined = undefined;
  /** What the store answered where it was not to be served as it is. */
  item: AskedItem | undefined = undefined;
  error: unknown = undefined;
  /** Made when somebody joins who needs a flight, or when it becomes one. */
  landing: Landing<V> | undefined = undefined;
  private settle!: (found: V | ItemRead<V>) => void;

  constructor(
    private readonly owner: ReadOwner,
    readonly placed: Placed,
    /** Among what is under way. */
    readonly slot: string,
    readonly loader: Loader<V>,
    readonly policy: EntryPolicy<V>,
    /** The position among invalidated names when it began. */
    readonly position: number,
    /** In epoch milliseconds, no later than it was. */
    readonly beganAt: number,
    /** The request that asks. */
    readonly scope: ScopeState | undefined,
  ) {
    super(placed.storeKey, leaseMs);
    const found = new Promise<V | ItemRead<V>>((resolve) => (this.settle = resolve));
    this.promise = found.then(owner.arrived) as Promise<V | undefined>;
  }

  get key(): Key {
    return this.placed.key;
  }

  protected override take(found: ItemAnswer): void {
    const { bytes, start, end, session, revision, won, ageMs } = found;
    if (!won && end > start) {
      try {
        const copy = this.owner.found(this, found);
        if (copy !== undefined) return this.settle(this.copy === undefined ? copy.read() : this);
      } catch (error) {
        return this.fail(error);
      }
    }
    const item = { bytes: bytes.subarray(start, end), revision: { session, number: revision }, won };
    this.item = ageMs === undefined ? item : { ...item, ageMs };
    this.settle(this);
  }

  protected override fail(error: unknown): void {
    this.error = error;
    this.settle(this);
  }
}
