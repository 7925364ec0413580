import { assertObjectKey, maxObjectKeyBytes } from '../key/object-key.js';
import { InvalidKeyError } from '../value/errors.js';
import { KeyParameter } from './key-parameter.js';
import { mintedTexts, mintText, readMinted } from './minted-text.js';
import type { MintedKind, ObjectParameterSpec } from './object-parts.js';
import { endOf, mixedText, readSegment, surplus } from './pattern-segment.js';
import type { Segment } from './pattern-segment.js';

type Given = Readonly<Record<string, unknown>>;

/** One parameter of an object pattern. */
export interface ObjectPart {
  readonly parameter: KeyParameter;
  readonly minted: MintedKind | undefined;
  readonly isHint: boolean;
}

/** An object pattern taken apart: segments between slashes, parameters between braces. */
export class ObjectPattern {
  readonly segments: readonly Segment[];
  readonly parts: ReadonlyMap<string, ObjectPart>;

  /** @throws InvalidKeyError naming the pattern, for one that is malformed or whose keys would be ambiguous. */
  constructor(
    readonly text: string,
    specs: Readonly<Record<string, ObjectParameterSpec | undefined>> = {},
  ) {
    const parts = new Map<string, ObjectPart>();
    const parameter = (name: string): KeyParameter => {
      if (parts.has(name)) throw ill(text, `names the parameter ${name} twice`);
      const part = partOf(text, name, Object.hasOwn(specs, name) ? specs[name] : undefined);
      parts.set(name, part);
      return part.parameter;
    };
    const read = text.split('/').map((segment) => readSegment(segment, parameter, (problem) => ill(text, problem)));
    // In an object's key a number is its digits: a text like others.
    this.segments = read.map((segment) =>
      segment instanceof KeyParameter && segment.type !== 'string' ? [segment] : segment,
    );
    this.parts = parts;
    for (const name of Object.keys(specs)) {
      if (!parts.has(name)) throw ill(text, ...surplus(name, [...parts.keys()]));
    }
    for (const segment of this.segments) if (typeof segment === 'string') assertObjectKey(segment);
  }

  /**
   * A key of these parameters, with new minted parts.
   *
   * @param nowMs of a wall clock.
   * @throws InvalidKeyError naming the parameter.
   */
  mint(given: Given, nowMs: number): string {
    const all: Record<string, unknown> = { ...given };
    for (const [name, { minted }] of this.parts) {
      if (minted === undefined) continue;
      if (Object.hasOwn(given, name)) throw this.refused(name, 'is made by put and was given');
      all[name] = mintText(minted, nowMs);
    }
    const key = this.segments.map((segment) => this.textOf(segment, all)).join('/');
    assertObjectKey(key);
    return key;
  }

  /**
   * What all keys of these first parameters begin with.
   *
   * @throws InvalidKeyError for a parameter that is a hint, is minted, or stands behind one that is not given.
   */
  prefix(given: Given): string {
    for (const name of Object.keys(given)) {
      const part = this.parts.get(name);
      if (!part) throw this.refused(name, 'is none of the pattern');
      if (part.isHint) throw this.refused(name, 'is a hint, and objects of others may bear it');
    }
    const left = new Set(Object.keys(given));
    const texts: string[] = [];
    for (const segment of this.segments) {
      const pieces = piecesOf(segment);
      if (pieces.some((piece) => typeof piece !== 'string' && given[piece.name] === undefined)) {
        texts.push(typeof pieces[0] === 'string' ? pieces[0] : '');
        break;
      }
      for (const piece of pieces) if (typeof piece !== 'string') left.delete(piece.name);
      texts.push(this.textOf(segment, given));
    }
    const [unused] = left;
    if (unused !== undefined) throw this.refused(unused, 'stands behind a part that was not given');
    return texts.join('/');
  }

  /** What a key says, by parameter; `undefined`: it is not of this pattern. */
  parse(key: string): ReadonlyMap<string, unknown> | undefined {
    const texts = key.split('/');
    if (texts.length !== this.segments.length || Buffer.byteLength(key) > maxObjectKeyBytes) return undefined;
    const found = new Map<string, unknown>();
    const fits = this.segments.every((segment, index) =>
      this.parseSegment(piecesOf(segment), texts[index] ?? '', found),
    );
    return fits ? found : undefined;
  }

  private textOf(segment: Segment, given: Given): string {
    for (const piece of piecesOf(segment)) {
      if (typeof piece === 'string') continue;
      const text = piece.text(given[piece.name]);
      if (text === '') throw this.refused(piece.name, 'is empty');
      if (text.includes('/')) throw this.refused(piece.name, "holds a '/', which would begin another segment");
    }
    return mixedText(this.text, piecesOf(segment), given);
  }

  private parseSegment(pieces: readonly (string | KeyParameter)[], text: string, found: Map<string, unknown>): boolean {
    let at = 0;
    for (const [index, piece] of pieces.entries()) {
      if (typeof piece === 'string') {
        if (!text.startsWith(piece, at)) return false;
        at += piece.length;
        continue;
      }
      const end = endOf(pieces, index, text, at);
      if (end <= at) return false;
      const value = this.valueOf(piece, text.slice(at, end));
      if (value === undefined) return false;
      found.set(piece.name, value);
      at = end;
    }
    return at === text.length;
  }

  private valueOf(parameter: KeyParameter, text: string): unknown {
    const minted = this.parts.get(parameter.name)?.minted;
    if (minted !== undefined) return readMinted(minted, text);
    if (text === parameter.none) return null;
    const value = parameter.type === 'string' ? text : valueOfType[parameter.type](text);
    try {
      return parameter.text(value) === text ? value : undefined;
    } catch {
      return undefined;
    }
  }

  private refused(name: string, problem: string): InvalidKeyError {
    return new InvalidKeyError(
      `The parameter ${name} of the object pattern '${this.text}' ${problem}. See its definition for what it takes.`,
    );
  }
}

const valueOfType = {
  number: (text: string): unknown => Number(text),
  bigint: (text: string): unknown => (/^-?\d+$/.test(text) ? BigInt(text) : undefined),
  boolean: (text: string): unknown => text === 'true',
};

function piecesOf(segment: Segment): readonly (string | KeyParameter)[] {
  return typeof segment === 'string' || segment instanceof KeyParameter ? [segment] : segment;
}

function partOf(pattern: string, name: string, spec: ObjectParameterSpec = 'string'): ObjectPart {
  if (typeof spec === 'object' && 'minted' in spec) {
    const { matches, alphabet } = mintedTexts[spec.minted];
    return { parameter: new KeyParameter(pattern, name, { matches }, alphabet), minted: spec.minted, isHint: false };
  }
  const isHint = typeof spec === 'object' && 'hint' in spec;
  return { parameter: new KeyParameter(pattern, name, isHint ? spec.hint : spec), minted: undefined, isHint };
}

const written = "Write it as 'images/exports/{uid}/{random}.{format}'.";

function ill(pattern: string, problem: string, remedy = written): InvalidKeyError {
  return new InvalidKeyError(`The object pattern '${pattern}' ${problem}. ${remedy}`);
}
