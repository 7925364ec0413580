import { InvalidOptionError } from '../value/errors.js';
import { KeyParameter, numeric } from './key-parameter.js';
import type { Segment } from './pattern-segment.js';

/**
 * Whether two patterns can produce the same key. Exact for literals, listed values and types; a parameter that must match an
 * expression is told apart from literals and listed values only, and taken to overlap with everything else.
 */
export function canProduceSameKey(one: SegmentedPattern, other: SegmentedPattern): boolean {
  if (one.segments.length !== other.segments.length) return false;
  const shapes = ({ segments, typesAreTexts }: SegmentedPattern): Shape[] =>
    segments.map((segment) => shapeOf(segment, typesAreTexts === true));
  const others = shapes(other);
  return shapes(one).every((shape, index) => overlap(shape, others[index] as Shape));
}

/** The pairs of patterns that can produce the same key, a pattern that is there twice among them. */
export function* overlappingPairs(classes: readonly PatternFacts[]): Generator<[string, string]> {
  for (const [index, one] of classes.entries()) {
    for (const other of classes.slice(index + 1)) {
      if (canProduceSameKey(one.parsed, other.parsed)) yield [one.pattern, other.pattern];
    }
  }
}

/** @throws InvalidOptionError listing the pairs, unless there is none. */
export function refusePairs(option: string, pairs: readonly (readonly [string, string])[]): void {
  if (pairs.length === 0) return;
  const problem = `some patterns can produce the same key: ${pairs.map(([a, b]) => `'${a}' and '${b}'`).join(', ')}`;
  throw new InvalidOptionError(option, problem, 'Change a literal, list the values, or give a parameter matches.');
}

/** A pattern of keys of the cache, of records or of objects. */
export interface SegmentedPattern {
  readonly segments: readonly Segment[];
  /** A number and its digits, or true and `'true'`, are the same part of a key. Default: two, as in keys of the cache. */
  readonly typesAreTexts?: boolean;
}

interface PatternFacts {
  readonly pattern: string;
  readonly parsed: SegmentedPattern;
}

/** What part of a key a segment can be: of a type other than text, or one of these texts. */
interface Shape {
  readonly type?: string;
  readonly texts: readonly Text[];
}

interface Text {
  /** A character, or any run of those that the set holds; `undefined` holds all. */
  readonly steps: readonly (string | { readonly run: string | undefined })[];
  readonly literal?: string;
  readonly matches?: RegExp | undefined;
}

/** The texts of the types other than text, which have them. */
const textsOfType: Readonly<Record<string, readonly Text[]>> = {
  number: [{ steps: [{ run: numeric }], matches: /^-?\d+(?:\.\d+)?(?:e[+-]\d+)?$/ }],
  bigint: [{ steps: [{ run: numeric }], matches: /^-?\d+$/ }],
  boolean: [literal('true'), literal('false')],
};

function shapeOf(segment: Segment, typesAreTexts: boolean): Shape {
  if (typeof segment === 'string') return { texts: [literal(segment)] };
  if (!(segment instanceof KeyParameter)) return { texts: [{ steps: segment.flatMap(stepsOf) }] };
  const { type, values, matches, none } = segment;
  const texts = none === undefined ? [] : [literal(none)];
  if (type !== 'string') return typesAreTexts ? { texts: [...texts, ...(textsOfType[type] ?? [])] } : { type, texts };
  if (values) return { texts: [...texts, ...values.map(literal)] };
  return { texts: [...texts, { steps: [{ run: segment.alphabet }], matches }] };
}

function stepsOf(piece: string | KeyParameter): Text['steps'] {
  if (typeof piece === 'string') return [...piece];
  const isNumeric = (piece.type === 'number' || piece.type === 'bigint') && piece.none === undefined;
  return [{ run: isNumeric ? numeric : piece.alphabet }];
}

function literal(text: string): Text {
  return { steps: [...text], literal: text };
}

function overlap(one: Shape, other: Shape): boolean {
  if (one.type !== undefined && one.type === other.type) return true;
  return one.texts.some((text) => other.texts.some((otherText) => haveCommonText(text, otherText)));
}

function haveCommonText(one: Text, other: Text): boolean {
  if (one.literal !== undefined && other.matches) return other.matches.test(one.literal);
  if (other.literal !== undefined && one.matches) return one.matches.test(other.literal);
  return walk(one.steps, 0, other.steps, 0, new Set());
}

/** Walks both at once: a run either ends here or takes the other's next character. */
function walk(one: Text['steps'], i: number, other: Text['steps'], j: number, seen: Set<string>): boolean {
  const place = `${i},${j}`;
  if (seen.has(place)) return false;
  seen.add(place);
  const a = one[i];
  const b = other[j];
  if (a === undefined && b === undefined) return true;
  if (
    typeof a === 'object' &&
    (walk(one, i + 1, other, j, seen) || (takes(a, b) && walk(one, i, other, j + 1, seen)))
  ) {
    return true;
  }
  if (
    typeof b === 'object' &&
    (walk(one, i, other, j + 1, seen) || (takes(b, a) && walk(one, i + 1, other, j, seen)))
  ) {
    return true;
  }
  return typeof a === 'string' && a === b && walk(one, i + 1, other, j + 1, seen);
}

function takes({ run }: { readonly run: string | undefined }, step: Text['steps'][number] | undefined): boolean {
  return typeof step === 'string' && (run === undefined || run.includes(step));
}
