import { isHiddenName } from '../key/hidden-names.js';
import { decodePart, encodePart } from '../key/key-part.js';
import { InvalidOptionError } from '../value/errors.js';

/** A lease as JSON. It holds the token: whoever has it can release the lock. */
export interface SerializedLease {
  readonly version: 1;
  readonly namespace: string;
  /** The encoded parts of the resource, joined with `:`; or the name that stands for it. */
  readonly resource: string;
  readonly token: string;
  readonly fencingToken: number;
  readonly ttlMs: number;
  /** Wall clock: when the right ends unless renewed. */
  readonly validUntilEpochMs: number;
}

/** @throws InvalidOptionError naming the field, for what no lease wrote. Accepts the object or its JSON text. The token is never quoted. */
export function parseSerializedLease(json: unknown): SerializedLease {
  const given = typeof json === 'string' ? parseText(json) : json;
  if (typeof given !== 'object' || given === null) throw invalid('it is no object');
  const { version, namespace, resource, token, fencingToken, ttlMs, validUntilEpochMs } = given as Record<
    string,
    unknown
  >;
  if (version !== 1) throw invalid('version is not 1');
  if (typeof namespace !== 'string') throw invalid('namespace is not that of a lease');
  if (typeof token !== 'string' || !/^[A-Za-z0-9_-]{16,64}$/.test(token)) throw invalid('token is not that of a lease');
  return {
    version,
    namespace,
    resource: assertKeyText(resource),
    token,
    fencingToken: wholeNumber(fencingToken, 'fencingToken'),
    ttlMs: wholeNumber(ttlMs, 'ttlMs'),
    validUntilEpochMs: wholeNumber(validUntilEpochMs, 'validUntilEpochMs'),
  };
}

/** Only a text that a key wrote encodes to itself again; or it stands for one. */
function assertKeyText(text: unknown): string {
  if (typeof text === 'string' && isHiddenName(text)) return text;
  if (typeof text === 'string' && text.length <= 100_000) {
    try {
      const again = text.split(':').map((part) => encodePart(decodePart(part)));
      if (again.join(':') === text) return text;
    } catch {
      // Not even decodable.
    }
  }
  throw invalid('resource is not that of a lease');
}

function wholeNumber(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`${field} is not a whole number of 0 or more`);
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('it is no JSON'); // without the cause, whose message quotes the text
  }
}

function invalid(problem: string): InvalidOptionError {
  return new InvalidOptionError('lease', problem, 'Pass what JSON.stringify(lease) gave.');
}
