import { InvalidOptionError } from '../value/errors.js';
import type { HttpRequest } from './http-exchange.js';
import type { Unchecked } from '../value/unchecked.js';

/** What tells two answers of one route apart and neither its parameters, query nor headers show. */
export type KeyedByOption = (request: Unchecked) => readonly (string | number | boolean | bigint | null | undefined)[];

/** The parts that the application gives for a request, looked at: an object or a promise would be the same text for everybody. */
export function keyedByParts(option: KeyedByOption): (request: HttpRequest) => readonly unknown[] {
  return (request) => {
    const parts: unknown = option(request);
    if (!Array.isArray(parts)) throw refused('no array');
    const bad = parts.findIndex(
      (part: unknown) => part !== null && ['object', 'function', 'symbol'].includes(typeof part),
    );
    if (bad !== -1) throw refused(`something of type ${typeof parts[bad]} at index ${bad}`);
    return parts as unknown[];
  };
}

const refused = (given: string): InvalidOptionError =>
  new InvalidOptionError(
    'keyedBy',
    `it gave ${given}`,
    'Return an array of texts, numbers and booleans; wait for what it needs in a guard or middleware.',
  );
