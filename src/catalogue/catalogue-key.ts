import { Key } from '../key/key.js';
import type { KeyPart } from '../key/key-part.js';
import type { EntryOptions } from './entry-options.js';
import type { KeyClassFacts } from './key-class-facts.js';

/**
 * A key that a key class made. It is the same key as `versionedKey` of the same parts, and brings along how its entries are kept:
 * what a call gives goes before it, what the module defaults to comes after.
 */
export class CatalogueKey<V = unknown> extends Key {
  private readonly kind: KeyClassKind<V>;
  private own: OwnOptions<V> | undefined;

  /** @internal Made by calling a key class. */
  constructor(
    parts: readonly KeyPart[] | undefined,
    kind: KeyClassKind<V>,
    given?: Readonly<Record<string, unknown>>,
    text?: string,
  ) {
    super(parts, text ?? null);
    this.kind = kind;
    this.own = given && { given };
  }

  get keyClass(): KeyClassFacts {
    return this.kind.facts;
  }

  /** The options of its key class, tags and life worked out for these parameters. Frozen; `codec` is always there. */
  get options(): EntryOptions<V> {
    if (!this.own) return this.kind.options;
    return (this.own.options ??= this.kind.optionsFor(this.own.given));
  }

  protected override encode(parts: readonly KeyPart[]): string {
    return this.kind.encode(parts);
  }
}

/** For a class whose tags or life depend on the parameters. */
interface OwnOptions<V> {
  readonly given: Readonly<Record<string, unknown>>;
  options?: EntryOptions<V>;
}

/** @internal What keys of one class share. */
export interface KeyClassKind<V> {
  readonly facts: KeyClassFacts;
  /** Those that hold for all keys of the class. */
  readonly options: EntryOptions<V>;
  /** Those of one key, for classes whose tags or life depend on the parameters. */
  optionsFor(given: Readonly<Record<string, unknown>>): EntryOptions<V>;
  encode(parts: readonly KeyPart[]): string;
}
