import type { KeyPart } from '../key/key-part.js';

interface TypesByName {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly bigint: bigint;
}

export type ParameterType = keyof TypesByName;

/** What a parameter of a pattern takes. Default: any string. */
export type ParameterSpec =
  | ParameterType
  | {
      /** Default `string`. */
      readonly type?: ParameterType;
      /** The only texts it takes. */
      readonly values?: readonly string[];
      /** What its text must look like. Tells patterns apart that could otherwise produce the same key. */
      readonly matches?: RegExp;
      /** What stands in the key when the parameter is left out, `None` for example. Without it the parameter is required. */
      readonly none?: string;
    };

/** The names between braces: `'customerUuid' | 'contentKey'` of `content_metadata:{customerUuid}:{contentKey}`. */
export type ParameterNames<Pattern extends string> = string extends Pattern
  ? string
  : Pattern extends `${string}{${infer Name}}${infer Rest}`
    ? Name | ParameterNames<Rest>
    : never;

export type ParameterSpecs<Pattern extends string> = { readonly [Name in ParameterNames<Pattern>]?: ParameterSpec };

type ValueOf<Spec> = Spec extends ParameterType
  ? TypesByName[Spec]
  : Spec extends { readonly values: readonly (infer Value)[] }
    ? Value
    : Spec extends { readonly type: infer Type extends ParameterType }
      ? TypesByName[Type]
      : string;

type SpecOf<Specs, Name> = Name extends keyof Specs ? Specs[Name] : 'string';

type OptionalNames<Pattern extends string, Specs> = {
  [Name in ParameterNames<Pattern>]: SpecOf<Specs, Name> extends { readonly none: string } ? Name : never;
}[ParameterNames<Pattern>];

/** What a key class is called with: one property for each parameter. */
export type KeyParameters<Pattern extends string, Specs> = string extends Pattern
  ? Readonly<Record<string, KeyPart | undefined>>
  : {
      readonly [Name in Exclude<ParameterNames<Pattern>, OptionalNames<Pattern, Specs>>]: ValueOf<SpecOf<Specs, Name>>;
    } & { readonly [Name in OptionalNames<Pattern, Specs>]?: ValueOf<SpecOf<Specs, Name>> | null | undefined };
