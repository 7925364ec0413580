import type { Codec } from '../codec/codec.js';
import type { StandardSchemaV1 } from '../codec/standard-schema.js';
import type { CatalogueKey } from './catalogue-key.js';
import type { EntryOptions } from './entry-options.js';
import type { KeyClassFacts } from './key-class-facts.js';
import type { KeyParameters, ParameterSpecs } from './key-parameters.js';

/** What a key class is, in one place. Besides these, all entry options but those of a single call. */
export interface KeyDefinition<Pattern extends string, Specs extends ParameterSpecs<Pattern>, V> extends Omit<
  EntryOptions<NoInfer<V>>,
  'tags' | 'signal' | 'codec'
> {
  /** The bytes of the value, and its type. Default `json()`. */
  readonly codec?: Codec<V> | undefined;
  /** The parameters that are not simply any string. */
  readonly params?: Specs | undefined;
  /** One line for the catalogue: what the entry holds. */
  readonly holds?: string | undefined;
  /** Anything else that a reader of the catalogue should know. */
  readonly description?: string | undefined;
  /** Who answers for it: a team, a file, a route. */
  readonly owner?: string | undefined;
  /** Names for `invalidateTags`, or how to make them from the parameters. At most 16. */
  readonly tags?: readonly string[] | ((parameters: KeyParameters<Pattern, Specs>) => readonly string[]) | undefined;
  /** A validator of zod, valibot, arktype …: values are checked at every write. It must answer at once. */
  readonly schema?: StandardSchemaV1<unknown, V> | undefined;
  /** Checks at every decoding too: a value that no longer fits is a miss. Default false. */
  readonly validateOnRead?: boolean | undefined;
}

/** Makes the keys of one pattern: `contentMetadata({ customerUuid, contentKey })`. */
export interface KeyClass<Parameters, V> extends KeyClassFacts {
  /** @throws InvalidKeyError when a parameter is not what the pattern takes. */
  (...parameters: object extends Parameters ? [parameters?: Parameters] : [parameters: Parameters]): CatalogueKey<V>;
  /** The options that hold for all its keys. */
  readonly options: EntryOptions<V>;
}
