import type { ParameterType } from './key-parameters.js';
import type { KeyPattern } from './key-pattern.js';

/** What can be said of a key class without its types. */
export interface KeyClassFacts {
  readonly pattern: string;
  describe(): KeyClassDescription;
  /** @internal */
  readonly parsed: KeyPattern;
}

/** A key class as it stands in the catalogue; `null` is "not said". */
export interface KeyClassDescription {
  readonly pattern: string;
  readonly parameters: readonly ParameterDescription[];
  readonly holds: string | null;
  readonly codec: string;
  readonly schema: string | null;
  readonly life: string;
  readonly staleFor: string | null;
  readonly negative: string | null;
  readonly tags: readonly string[];
  /** Whether its entries also have the tags of what their loader reads. */
  readonly inheritTags: boolean;
  readonly tiers: readonly string[];
  readonly owner: string | null;
  readonly description: string | null;
}

export interface ParameterDescription {
  readonly name: string;
  readonly type: ParameterType;
  readonly values?: readonly string[];
  readonly matches?: string;
  readonly none?: string;
}
