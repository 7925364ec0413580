import type { EntryOptions } from '../catalogue/entry-options.js';
import type { KeyClass } from '../catalogue/key-class.js';
import { entryOptionTable } from '../catalogue/known-entry-options.js';
import type { KeyPart } from '../key/key-part.js';
import { KnownOptions } from '../value/known-options.js';
import type { MethodCalledWith } from './method-called-with.js';

/** An upstream version: a modification time, a row version. */
export type UpstreamVersion = string | number | Date;

/** What every use of `@Memoize` may say, besides how its entries are kept. */
export interface MemoizeEntryOptions<Args extends readonly unknown[], V> extends Omit<
  EntryOptions<V>,
  'tags' | 'version' | 'signal'
> {
  /** The name of the cache. Default: the one injected by class. */
  readonly cache?: string;
  /** Names for `invalidateTags`, or how to make them from the arguments. */
  readonly tags?: readonly string[] | ((...args: Args) => readonly string[]);
  /**
   * The version that the source has now: an entry of another one is a miss, and is replaced. Asked at every call; `undefined`, when it
   * can't be known, takes any version. `this` is the instance.
   */
  readonly version?: (...args: Args) => UpstreamVersion | undefined | Promise<UpstreamVersion | undefined>;
}

/** The key comes from a key class, its parameters from the arguments. */
export interface MemoizeByKeyClass<Args extends readonly unknown[], V, Parameters> extends MemoizeEntryOptions<
  Args,
  V
> {
  readonly key: KeyClass<Parameters, V>;
  /** Needed unless the key class has no parameters. `this` is the instance. */
  readonly args?: (...args: Args) => NoInfer<Parameters>;
}

/** The key is made of the class, the method and the arguments. */
export interface MemoizeByArguments<Args extends readonly unknown[], V> extends MemoizeEntryOptions<Args, V> {
  readonly key?: undefined;
  /**
   * Stands for the class in the keys, where its own name does not last: of one or two letters as minifiers give them, at random as `mixin()` does, or shared
   * with another class. Default: the name of the instance's class.
   */
  readonly name?: string;
  /**
   * The parts of the key, where the arguments are none themselves or not all of them matter, and where the class has several instances:
   * `this` is the instance, and what tells it from others belongs here. Default: the arguments, each of which must be a string, a finite
   * number, a boolean, a bigint or null then; and a second instance of the class is an error.
   * @example args: function (this: TenantRows, id: string) { return [this.tenant, id]; }
   */
  readonly args?: (...args: Args) => readonly KeyPart[];
}

const { signal: _ofOneCall, ...ofEntries } = entryOptionTable;

/** What `@Memoize` takes, for its check. */
export const knownMemoizeOptions = KnownOptions.of<
  MemoizeEntryOptions<readonly unknown[], unknown> & { key?: unknown; args?: unknown; name?: unknown }
>('@Memoize', { ...ofEntries, cache: true, key: true, args: true, name: true });

/** Decorates methods that return a promise of what the key holds. The method may take more arguments than the mapping does. */
export type MemoizeDecorator<Args extends readonly unknown[], V> = <
  F extends (...args: never[]) => Promise<V | undefined>,
>(
  target: object,
  method: string,
  descriptor: MethodCalledWith<F, Args>,
) => void;
