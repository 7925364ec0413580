import { InvalidKeyError } from '../value/errors.js';
import type { KeyParameter } from './key-parameter.js';

type Given = Readonly<Record<string, unknown>>;

/** A segment is one part of the key: a literal, a parameter, or several of both run together (`{width}x{height}`). */
export type Segment = string | KeyParameter | readonly (string | KeyParameter)[];

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

/**
 * The text of a segment in which parameters and literals run together. It can be taken apart again, at the first place where each
 * literal stands, since no value may bring that place forward.
 */
export function mixedText(pattern: string, pieces: readonly (string | KeyParameter)[], given: Given): string {
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
    if (isFollowed && (value + next).indexOf(next) !== value.length) {
      throw new InvalidKeyError(
        `The parameter ${piece.name} of the key pattern '${pattern}' holds '${next}', which ends it there. Give the parameter a segment of its own.`,
      );
    }
    text += value;
  }
  return text;
}
