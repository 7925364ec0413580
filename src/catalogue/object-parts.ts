import { InvalidOptionError } from '../value/errors.js';
import type { KeyParameters, ParameterNames, ParameterSpec } from './key-parameters.js';

/** A part that `put` makes. */
export interface MintedPart<Kind extends MintedKind = MintedKind> {
  readonly minted: Kind;
}

export type MintedKind = 'random' | 'unix' | 'isoformat';

/** A part that may not be what it says. */
export interface HintedPart<Spec extends ParameterSpec = ParameterSpec> {
  readonly hint: Spec;
}

export type ObjectParameterSpec = ParameterSpec | MintedPart | HintedPart;

export type ObjectParameterSpecs<Pattern extends string> = {
  readonly [Name in ParameterNames<Pattern>]?: ObjectParameterSpec;
};

/** 128 random bits in base64url, made when an object is put: its key is written once and then read from the row that points to it. */
export function randomPart(): MintedPart<'random'> {
  return Object.freeze({ minted: 'random' });
}

/**
 * The instant of the put: `'unix'` whole seconds since 1970, `'isoformat'` as Python's `datetime.isoformat` writes UTC without a zone
 * (`2026-01-02T03:04:05.006000`, without the fraction where it is 0).
 *
 * @throws InvalidOptionError for another format.
 */
export function instantPart<const Format extends 'unix' | 'isoformat'>(format: Format): MintedPart<Format> {
  if (format !== 'unix' && format !== 'isoformat') {
    throw new InvalidOptionError('instantPart', 'the format is unknown', "Give 'unix' or 'isoformat'.");
  }
  return Object.freeze({ minted: format });
}

/**
 * A parameter that says for whom a key was made, and may be wrong by now. `parse` gives it apart, under `hints`; objects can't be listed by it; and it
 * is never a reason to let somebody in.
 *
 * @param spec what it takes. Default: any text.
 */
export function hint<const Spec extends ParameterSpec = 'string'>(spec?: Spec): HintedPart<Spec> {
  return Object.freeze({ hint: spec ?? ('string' as Spec) });
}

type NamesOf<Specs, Part> = { [Name in keyof Specs]: Specs[Name] extends Part ? Name : never }[keyof Specs];

type Unwrapped<Specs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends HintedPart<infer Spec>
    ? Spec
    : Specs[Name] extends MintedPart
      ? 'string'
      : Specs[Name];
};

/** What a key is made of: every parameter but the minted ones. */
export type ObjectParameters<Pattern extends string, Specs> = Readonly<
  Omit<KeyParameters<Pattern, Unwrapped<Specs>>, NamesOf<Specs, MintedPart> & string>
>;

/** What objects can be listed by: the first parameters of the pattern, hints left out. */
export type ListedBy<Pattern extends string, Specs> = Partial<
  Omit<ObjectParameters<Pattern, Specs>, NamesOf<Specs, HintedPart> & string>
> & { readonly [Name in NamesOf<Specs, HintedPart>]?: never };

/** What a key says. */
export interface ParsedObjectKey<Pattern extends string, Specs> {
  readonly parameters: Omit<ObjectParameters<Pattern, Specs>, NamesOf<Specs, HintedPart> & string> & {
    readonly [Name in NamesOf<Specs, MintedPart<'random'>>]: string;
  } & { readonly [Name in NamesOf<Specs, MintedPart<'unix'> | MintedPart<'isoformat'>>]: Date };
  readonly hints: Pick<
    ObjectParameters<Pattern, Specs>,
    NamesOf<Specs, HintedPart> & keyof ObjectParameters<Pattern, Specs>
  >;
}
