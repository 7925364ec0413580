import type { KeyLike } from '../key/key.js';
import { KnownOptions } from '../value/known-options.js';
import type { MethodCalledWith } from './method-called-with.js';

/** What a call made untrue, as its result says. */
export interface Untrue {
  readonly keys?: KeyLike | Iterable<KeyLike>;
  readonly tags?: readonly string[];
}

/** What a call made untrue. At least one of `keys`, `tags` and `byResult`. In all functions `this` is the instance. */
export interface InvalidateOptions<Args extends readonly unknown[], Result> {
  /** The name of the cache. Default: the one injected by class. */
  readonly cache?: string;
  /** The keys that go, made from the arguments of the call. */
  readonly keys?: (...args: Args) => KeyLike | Iterable<KeyLike>;
  /** The tags that go, or how to make them from the arguments. */
  readonly tags?: readonly string[] | ((...args: Args) => readonly string[]);
  /** Keys and tags that only the result knows, such as the id of a new row. The arguments follow it. */
  readonly byResult?: (result: Result, ...args: Args) => Untrue;
  /**
   * `success` (default): when the method has resolved. `commit`: when the transaction that it is a part of has committed; see the module's
   * option `afterCommit` and `inTransaction`. Without a transaction the two are the same.
   */
  readonly after?: 'success' | 'commit';
  /**
   * Rejects with StoreUnavailableError when the store does not acknowledge; the method has run all the same. Default false: it is sent
   * again. Not together with `after: 'commit'`, where the caller has its answer before.
   */
  readonly confirm?: boolean;
}

export type InvalidateDecorator<Args extends readonly unknown[], Result> = <
  F extends (...args: never[]) => Promise<Result>,
>(
  target: object,
  method: string,
  descriptor: MethodCalledWith<F, Args>,
) => void;

/** What `@Invalidate` takes, for its check. */
export const knownInvalidateOptions = KnownOptions.of<InvalidateOptions<readonly unknown[], unknown>>('@Invalidate', {
  cache: true,
  keys: true,
  tags: true,
  byResult: true,
  after: true,
  confirm: true,
});
