import { versionedKey } from '../key/key.js';
import type { Key } from '../key/key.js';
import type { KeyPart } from '../key/key-part.js';
import { routeOf } from './http-exchange.js';
import type { HttpRequest } from './http-exchange.js';

/** What of a request makes a difference. Names are sorted, headers in lower case. */
export interface KeyedBy {
  readonly query: readonly string[];
  readonly headers: readonly string[];
}

/** Who an answer is for: one caller, or all that are nobody in particular. */
export type Principal = string | null;

/**
 * The key of an answer: the handler, its route and parameters, the chosen query parameters and headers in canonical order, who asks. Never
 * the raw URL. GET and HEAD share it.
 */
export function requestKey(
  handler: string,
  request: HttpRequest,
  { query, headers }: KeyedBy,
  principal: Principal,
): Key {
  const parts: KeyPart[] = ['http', handler, routeOf(request)];
  const { params = {}, hosts = {} } = request;
  for (const given of [params, hosts]) {
    const names = Object.keys(given);
    parts.push(names.length);
    for (const name of names.sort()) push(parts, name, given[name]);
  }
  for (const name of query) push(parts, name, request.query?.[name]);
  for (const name of headers) push(parts, name, request.headers[name]);
  parts.push(principal);
  return versionedKey(...parts);
}

/** Absent is null, a list is its length and its items, an object `true` and its JSON: the type of the first part tells them apart. */
function push(parts: KeyPart[], name: string, value: unknown): void {
  parts.push(name);
  if (value === undefined || value === null) parts.push(null);
  else if (typeof value === 'string') parts.push(wellFormed(value));
  else if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    parts.push(value.length, ...value.map(wellFormed));
  } else parts.push(true, JSON.stringify(value, sorted));
}

/** A lone surrogate, which no URL decodes to, is no reason to fail a request. */
const wellFormed = (text: string): string => text.toWellFormed();

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
