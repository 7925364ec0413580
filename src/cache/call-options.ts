import type { EntryOptions } from '../catalogue/entry-options.js';
import type { Codec } from '../codec/codec.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { KeyOf } from './key-of.js';

/** Options of writes. */
export interface WriteOptions {
  /** Rejects with StoreUnavailableError or ValueTooLargeError instead of resolving to `false`. What was not acknowledged is sent again all the same. */
  readonly confirm?: boolean | undefined;
}

/** Options of look-ups that don't load. */
export interface ReadOptions {
  /** The upstream version that the caller wants: an entry of another one is a miss. Default: any, or that of the key's class. */
  readonly version?: EntryOptions['version'] | undefined;
  /** Rejects with StoreUnavailableError where the store can't be reached, instead of a miss. Default false. */
  readonly confirm?: boolean | undefined;
}

/**
 * Options of one call. The key, the loader and the codec say what type its value has; all else takes it from them. So options that are annotated as
 * `EntryOptions` serve calls for values of any type.
 */
export type CallOptions<V> = Omit<EntryOptions<Stored<V>>, 'codec'> & {
  readonly codec?: Codec<V> | Codec<unknown> | undefined;
} & { readonly codec?: CodecFor<Stored<V>> | undefined };

type Stored<V> = NoInfer<Exclude<V, undefined>>;

/** `encode` is no method here: the compiler takes a method for one of all values as soon as it is one of some. */
type CodecFor<V> = Omit<Codec<unknown>, 'encode'> & { readonly encode: (value: V) => Uint8Array };

/** With these, a key that a bulk loader leaves out is `null`, or may be where `negative` may be `undefined`. */
export type NullingOptions<V> = CallOptions<V> & { readonly negative: { readonly when?: undefined } | undefined };

/** One entry of `setMany`. */
export type EntryToSet<V> = readonly [KeyOf<V>, V, CallOptions<V>?];

const knownOfWrites = KnownOptions.of<WriteOptions>('A write', { confirm: true });
const knownOfReads = KnownOptions.of<ReadOptions>('A look-up', { version: true, confirm: true });

/** @throws InvalidOptionError for an option that a look-up does not have. */
export function readOptions(given: ReadOptions | undefined): ReadOptions {
  if (given === undefined) return none;
  knownOfReads.check(given);
  return given;
}

/** Whether the caller asks for an acknowledgement. @throws InvalidOptionError for an option that a write does not have. */
export function confirms(given: WriteOptions | undefined): boolean {
  if (given === undefined) return false;
  knownOfWrites.check(given);
  return given.confirm === true;
}

/** One entry of many. @throws InvalidOptionError for a text: its characters would be taken for a key, a value and options. */
export function entryOf<E extends readonly unknown[]>(given: E): E {
  if (Array.isArray(given)) return given;
  throw new InvalidOptionError(
    'setMany',
    'an entry is no array',
    'Give a list of [key, value] or [key, value, options].',
  );
}

const none: ReadOptions = Object.freeze({});
