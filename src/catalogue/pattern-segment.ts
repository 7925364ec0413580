import { InvalidKeyError } from '../value/errors.js';
import { nearestName } from '../value/nearest-name.js';
import type { KeyParameter } from './key-parameter.js';

type Given = Readonly<Record<string, unknown>>;
type Pieces = readonly (string | KeyParameter)[];

/** A segment is one part of the key: a literal, a parameter, or several of both run together (`{width}x{height}`). */
export type Segment = string | KeyParameter | Pieces;

/**
 * Takes a segment of a pattern apart.
 *
 * @param parameter makes the parameter of a name.
 * @param ill makes the error that names the pattern and its problem.
 */
export function readSegment(
  segment: string,
  parameter: (name: string) => KeyParameter,
  ill: (problem: string) => InvalidKeyError,
): Segment {
  if (segment === '') throw ill('has an empty segment');
  // Splitting at a group leaves literals at the even places and names at the odd ones.
  const pieces = segment.split(/\{([^{}]*)\}/);
  const read = pieces.flatMap((piece, index): (string | KeyParameter)[] => {
    if (index % 2 === 1) {
      if (!/^[A-Za-z_]\w*$/.test(piece)) throw ill(`has a parameter of the name '${piece}'`);
      return [parameter(piece)];
    }
    if (/[{}]/.test(piece)) throw ill('has a brace without its other');
    if (!piece.isWellFormed()) throw ill('holds half of a surrogate pair');
    if (piece === '' && index > 0 && index < pieces.length - 1) {
      throw ill(`has nothing between two parameters of '${segment}'`);
    }
    return piece === '' ? [] : [piece];
  });
  return read.length === 1 ? (read[0] as string | KeyParameter) : read;
}

/** What is wrong where `params` names a parameter that the pattern does not have, and the remedy. */
export function surplus(name: string, names: readonly string[]): [problem: string, remedy: string] {
  const nearest = nearestName(
    name,
    names.map((one) => [one, one, 0] as const),
  );
  const remedy = nearest === undefined ? `It has ${names.join(', ') || 'none'}.` : `Did you mean ${nearest}?`;
  return [`has no parameter ${name}, which params specifies`, remedy];
}

/**
 * The text of a segment in which parameters and literals run together. It can be taken apart again with {@link endOf}, since a value that
 * would bring the end of its parameter forward is refused.
 */
export function mixedText(pattern: string, pieces: Pieces, given: Given): string {
  let text = '';
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as string | KeyParameter;
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    const value = piece.text(given[piece.name]);
    const next = pieces[index + 1];
    const isFollowed = typeof next === 'string' && index + 2 < pieces.length;
    if (isFollowed && (value + next).indexOf(next) !== value.length && !endsAtLast(next, behind(pieces, index))) {
      throw new InvalidKeyError(
        `The parameter ${piece.name} of the key pattern '${pattern}' holds '${next}', which ends it there. Give the parameter a segment of its own.`,
      );
    }
    text += value;
  }
  return text;
}

/**
 * Where the text of the parameter at `index` ends, if it begins at `from`: at the last place of the literal that follows, where nothing behind can hold
 * it, else at the first. -1: the literal is not there.
 */
export function endOf(pieces: Pieces, index: number, text: string, from: number): number {
  const next = pieces[index + 1];
  if (typeof next !== 'string') return text.length;
  if (index + 2 >= pieces.length) return text.length - next.length;
  if (!endsAtLast(next, behind(pieces, index))) return text.indexOf(next, from);
  const last = pieces.at(-1);
  return text.slice(0, typeof last === 'string' ? text.length - last.length : text.length).lastIndexOf(next);
}

/** What stands behind a parameter and the literal that follows it, without a literal at the end: that one is known by its place. */
function behind(pieces: Pieces, index: number): Pieces {
  return pieces.slice(index + 2, typeof pieces.at(-1) === 'string' ? -1 : undefined);
}

/**
 * Where nothing behind a literal can hold its first character, the literal has no later place. One that begins within the literal would need that character
 * behind it as well.
 */
function endsAtLast(literal: string, followed: Pieces): boolean {
  const first = literal.charAt(0);
  return followed.every((piece) => (typeof piece === 'string' ? !piece.includes(first) : !piece.mayHold(first)));
}
