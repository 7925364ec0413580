import { InvalidOptionError } from '../../value/errors.js';

/** The type byte of literal bytes; every other type is a hole. */
export const literalType = 1;

/** A place in a document that is filled when it is served: a token for this user, a signed link. */
export class Hole {
  constructor(
    /** Which filler fills it: 0 or 2 to 255. */
    readonly type: number,
    /** What the filler needs to know, such as the uid that a token is for. */
    readonly argument: string,
  ) {}
}

/**
 * Marks a string in the value given to `compileSpliced` as a hole: `{ jwt: hole(2), image: { jwt: hole(3, imageUid) } }`.
 *
 * @param type 0 or 2 to 255; the fillers are listed by it.
 * @param argument any well-formed text. Default empty.
 * @throws InvalidOptionError
 */
export function hole(type: number, argument = ''): Hole {
  if (!Number.isInteger(type) || type < 0 || type > 255 || type === literalType) {
    throw new InvalidOptionError('hole.type', `${type} is no type of hole`, 'Give 0 or a whole number from 2 to 255.');
  }
  if (typeof argument !== 'string' || !argument.isWellFormed()) {
    throw new InvalidOptionError('hole.argument', 'it is no well-formed text', 'Give a string of whole characters.');
  }
  return Object.freeze(new Hole(type, argument));
}
