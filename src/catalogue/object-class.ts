import type { ByteSize } from '../value/byte-size.js';
import type { Clock } from '../value/clock.js';
import type { ParameterDescription } from './key-class-facts.js';
import type { ListedBy, MintedKind, ObjectParameters, ObjectParameterSpecs, ParsedObjectKey } from './object-parts.js';
import type { ObjectPattern } from './object-pattern.js';

/** What a class of objects is, in one place. */
export interface ObjectDefinition<Pattern extends string, Specs extends ObjectParameterSpecs<Pattern>> {
  /** The parameters that are not simply any text, minted parts and hints among them. */
  readonly params?: Specs;
  /** One line for the catalogue: what the object holds. */
  readonly holds?: string;
  /** Anything else that a reader of the catalogue should know. */
  readonly description?: string;
  /** Who answers for it: a team, a file, a route. */
  readonly owner?: string;
  /** The media type, or how to make it from the parameters. Default: what `put` is told. */
  readonly contentType?: string | ((parameters: ObjectParameters<Pattern, Specs>) => string);
  /** The largest object. Default: no limit but the store's. */
  readonly maxBytes?: ByteSize;
  /**
   * Whether an object is never replaced: writing over one is refused. Default: true where the pattern has a random part, else false.
   */
  readonly immutable?: boolean;
  /**
   * For the catalogue: the pattern of the keys that the file cache keeps it under, `s3_files:{uid}` for example, or false: it is not to be read through
   * one. `TieredFiles` knows no classes and keeps a copy of whatever it opens. Default false.
   */
  readonly cache?: string | false;
  /**
   * A secret has no links, and `cache` is refused beside it. Read it with `StoredObjects`: `TieredFiles` knows no classes, and would keep a copy.
   * Default false.
   */
  readonly secret?: boolean;
}

/** The rules that hold for all objects of a class. */
export interface ObjectRules {
  /** Infinity: no limit but the store's. */
  readonly maxBytes: number;
  readonly immutable: boolean;
  readonly cache: string | false;
  readonly secret: boolean;
}

/** Names the objects of one pattern. It reads and writes nothing: that is for the room that knows a store. */
export interface ObjectClass<Pattern extends string, Specs> extends ObjectClassFacts {
  readonly rules: ObjectRules;
  /**
   * Makes a key for a new object: every call makes another, where a part is random.
   *
   * @param clock for instants. Default: the system's.
   * @throws InvalidKeyError when a parameter is not what the pattern takes.
   */
  mint(parameters: ObjectParameters<Pattern, Specs>, clock?: Clock): string;
  /** What a key says, for audits, and never for rights; `undefined`: it is not of this class. */
  parse(key: string): ParsedObjectKey<Pattern, Specs> | undefined;
  /**
   * What the keys of these first parameters begin with. Keys of other classes may begin so as well: ask `parse`.
   *
   * @throws InvalidKeyError for hints, and for a parameter behind one that is missing.
   */
  prefix(parameters?: ListedBy<Pattern, Specs>): string;
  /** The media type of an object of these parameters; `undefined`: the class does not say. */
  contentType(parameters: ObjectParameters<Pattern, Specs>): string | undefined;
}

/** What can be said of an object class without its types. */
export interface ObjectClassFacts {
  readonly kind: 'object';
  readonly pattern: string;
  describe(): ObjectClassDescription;
  /** @internal */
  readonly parsed: ObjectPattern;
}

/** An object class as it stands in the catalogue; `null` is "not said". */
export interface ObjectClassDescription {
  readonly kind: 'object';
  readonly pattern: string;
  readonly parameters: readonly ObjectParameterDescription[];
  readonly holds: string | null;
  readonly contentType: string | null;
  readonly maxBytes: number | null;
  readonly immutable: boolean;
  readonly cache: string | false;
  readonly secret: boolean;
  readonly owner: string | null;
  readonly description: string | null;
}

export interface ObjectParameterDescription extends ParameterDescription {
  /** Made when an object is put. */
  readonly minted?: MintedKind;
  /** It says for whom the key was made, and may be wrong. */
  readonly hint?: true;
}
