import { InvalidKeyError } from '../value/errors.js';
import { encodePart, isPlainText } from '../key/key-part.js';
import type { KeyPart } from '../key/key-part.js';
import { KeyParameter } from './key-parameter.js';
import type { ParameterSpec } from './key-parameters.js';
import { mixedText, readSegment, surplus } from './pattern-segment.js';
import type { Segment } from './pattern-segment.js';

/** A part of the key that depends on the parameters. */
interface Place {
  readonly index: number;
  readonly parameter: KeyParameter | undefined;
  readonly pieces: readonly (string | KeyParameter)[];
  /** What stands in the key's text from here to the next place. */
  readonly tail: string;
}

type Given = Readonly<Record<string, unknown>>;

/** A key pattern taken apart: segments between colons, parameters between braces. */
export class KeyPattern {
  readonly segments: readonly Segment[];
  readonly parameters: readonly KeyParameter[];
  private readonly template: readonly KeyPart[];
  private readonly places: readonly Place[];
  private readonly encodedLiterals: readonly (string | undefined)[];
  /** The text of a key up to its first parameter. */
  private readonly head: string;
  /** Where a key has one or two parameters, and each may stand in it as it is: their names, and what follows them. */
  private readonly first: string | undefined;
  private readonly firstTail: string;
  private readonly second: string | undefined;
  private readonly secondTail: string;

  /** @throws InvalidKeyError naming the pattern, for one that is malformed or whose keys would be ambiguous. */
  constructor(
    readonly text: string,
    specs: Readonly<Record<string, ParameterSpec | undefined>> = {},
  ) {
    const parameters = new Map<string, KeyParameter>();
    const parameter = (name: string): KeyParameter => {
      if (parameters.has(name)) throw ill(text, `names the parameter ${name} twice`);
      const made = new KeyParameter(text, name, Object.hasOwn(specs, name) ? specs[name] : undefined);
      parameters.set(name, made);
      return made;
    };
    this.segments = text.split(':').map((segment) => readSegment(segment, parameter, (problem) => ill(text, problem)));
    this.parameters = [...parameters.values()];
    for (const name of Object.keys(specs)) {
      if (!parameters.has(name)) throw ill(text, ...surplus(name, [...parameters.keys()]));
    }
    this.template = this.segments.map((segment) => (typeof segment === 'string' ? segment : ''));
    const literals = this.segments.map((segment) => (typeof segment === 'string' ? encodePart(segment) : undefined));
    this.encodedLiterals = literals;
    this.places = this.segments.flatMap((segment, index): Place[] => {
      if (typeof segment === 'string') return [];
      const tail = textUpToParameter(literals, index + 1);
      if (segment instanceof KeyParameter) return [{ index, parameter: segment, pieces: [], tail }];
      return [{ index, parameter: undefined, pieces: segment, tail }];
    });
    this.head = textUpToParameter(literals, 0).slice(1);
    const isShort = this.places.length <= 2 && this.places.every(({ parameter }) => parameter?.isPlain);
    this.first = isShort ? this.places[0]?.parameter?.name : undefined;
    this.firstTail = this.places[0]?.tail ?? '';
    this.second = this.places[1]?.parameter?.name;
    this.secondTail = this.places[1]?.tail ?? '';
  }

  /**
   * The key's text, where every parameter is a text that stands in it as it is; `undefined` for all other keys, which {@link parts} and
   * {@link encode} make. Nearly all keys are such, and no list is made for them: a sixth of the time.
   */
  plainText(given: Given): string | undefined {
    const { places, first } = this;
    if (first !== undefined) return this.shortText(first, given);
    let text = this.head;
    for (let at = 0; at < places.length; at++) {
      const { parameter, tail } = places[at] as Place;
      if (!parameter?.isPlain) return undefined;
      const value = given[parameter.name];
      if (typeof value !== 'string' || !isPlainText(value)) return undefined;
      text += value + tail;
    }
    return text;
  }

  /** Of one or two parameters, as most keys have: without a loop over them. */
  private shortText(first: string, given: Given): string | undefined {
    const one = given[first];
    if (typeof one !== 'string' || !isPlainText(one)) return undefined;
    const { second } = this;
    if (second === undefined) return this.head + one + this.firstTail;
    const other = given[second];
    if (typeof other !== 'string' || !isPlainText(other)) return undefined;
    return this.head + one + this.firstTail + other + this.secondTail;
  }

  /** The parts of the key that these parameters make. @throws InvalidKeyError naming the parameter. */
  parts(given: Given): KeyPart[] {
    const parts = this.template.slice();
    const { places } = this;
    for (let at = 0; at < places.length; at++) {
      const { index, parameter, pieces } = places[at] as Place;
      parts[index] = parameter ? parameter.part(given[parameter.name]) : mixedText(this.text, pieces, given);
    }
    return parts;
  }

  /** The text of a key of these parts, which {@link parts} made. */
  encode(parts: readonly KeyPart[]): string {
    let text = this.encodedLiterals[0] ?? encodePart(parts[0] as KeyPart);
    for (let index = 1; index < parts.length; index++) {
      text += `:${this.encodedLiterals[index] ?? encodePart(parts[index] as KeyPart)}`;
    }
    return text;
  }
}

/** The literals from one place on, up to where a parameter stands: `:a:b:` before one, `:a:b` at the end. */
function textUpToParameter(literals: readonly (string | undefined)[], from: number): string {
  let text = '';
  for (let index = from; index < literals.length; index++) {
    const literal = literals[index];
    if (literal === undefined) return `${text}:`;
    text += `:${literal}`;
  }
  return text;
}

const written = "Write it as 'content_metadata:{customerUuid}:{contentKey}'.";

function ill(pattern: string, problem: string, remedy = written): InvalidKeyError {
  return new InvalidKeyError(`The key pattern '${pattern}' ${problem}. ${remedy}`);
}
