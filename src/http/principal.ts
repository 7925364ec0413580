import { InvalidOptionError } from '../value/errors.js';
import { isPersonal } from './http-exchange.js';
import type { HttpRequest } from './http-exchange.js';
import { isPromiseLike } from '../value/promise-like.js';
import type { Unchecked } from '../value/unchecked.js';

/** Who an answer is for: one caller, or all that are nobody in particular. */
export type Principal = string | null;

/** The option of a handler: the declaration that nobody makes a difference, or how to name who asks. */
export type PrincipalOption = 'anyone' | ((request: Unchecked) => string | null | undefined);

/** `undefined`: nobody said whose the answer is, so the request goes around the cache. */
export function principalBy(option: PrincipalOption | undefined): (request: HttpRequest) => Principal | undefined {
  if (option === 'anyone') return () => null;
  if (option) return (request) => checked(option(request));
  return (request) => (isPersonal(request) ? undefined : null);
}

/** A promise or a number would be one and the same name, or none, for everybody. The value itself stays out of the message. */
function checked(given: unknown): Principal | undefined {
  if (given === null || given === undefined) return given;
  if (typeof given === 'string' && given !== '' && given.isWellFormed()) return given;
  throw new InvalidOptionError(
    'principal',
    `it gave ${kindOf(given)} and not the name of who asks`,
    'Return a string, null for nobody in particular, or undefined for "do not share"; wait for what it needs in a guard.',
  );
}

function kindOf(given: unknown): string {
  if (given === '') return 'an empty text';
  if (typeof given === 'string') return 'a text with half a surrogate pair';
  return isPromiseLike(given) ? 'a promise' : `a value of type ${typeof given}`;
}
