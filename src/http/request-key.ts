import { hash } from 'node:crypto';
import { isCredential, routeOf } from './http-exchange.js';
import type { HttpRequest } from './http-exchange.js';
import type { Principal } from './principal.js';
import type { RouteFacts } from './route-facts.js';

/** What of a request makes a difference, by name. Names are sorted, headers in lower case. */
export interface ChosenNames {
  readonly query: readonly string[];
  readonly headers: readonly string[];
}

/**
 * The text that names an answer: the handler, its route and parameters, the host where it is bound to one, the chosen query parameters and
 * headers in canonical order, who asks. Never the raw URL. GET and HEAD share it. Every value is preceded by its length, so that none can
 * pose as two. Keys stand in logs and in the store: who asks and credentials go in as their SHA-256.
 *
 * One text instead of a list of parts: a hit then encodes nothing.
 *
 * @param keyedBy gives what only the application knows: a tenant, a locale.
 */
export function requestKey(
  { identity, hasHost }: Pick<RouteFacts, 'identity' | 'hasHost'>,
  request: HttpRequest,
  { query, headers }: ChosenNames,
  keyedBy: ((request: HttpRequest) => readonly unknown[]) | undefined,
  principal: Principal,
): string {
  let text = `http ${identity} ${routeOf(request)}`;
  if (request.params) text += all(request.params);
  if (hasHost) text += ` @${valueOf(request.hostname?.toLowerCase())}`;
  if (request.hosts) text += ` @${all(request.hosts)}`;
  for (const name of query) text += ` ?${name}${valueOf(request.query?.[name])}`;
  for (const name of headers) {
    const value = request.headers[name];
    text += ` ${name}:${isCredential(name) ? secretOf(value) : valueOf(value)}`;
  }
  if (keyedBy) text += ` by${valueOf(keyedBy(request))}`;
  return principal === null ? text : `${text} for ${secretOf(principal)}`;
}

function all(given: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name of Object.keys(given).sort()) text += ` ${name}${valueOf(given[name])}`;
  return text;
}

/** `*` and the digest of it, `-` is absent. */
const secretOf = (value: unknown): string =>
  value === undefined ? '-' : `*${hash('sha256', valueOf(value), 'base64url')}`;

/**
 * `-` is absent, `=4:text` a text, `#1:4` a number, `~` and its JSON a text with half a surrogate pair,
 * `[2]` and its items a list, `{}` and its JSON anything else.
 */
function valueOf(value: unknown): string {
  if (typeof value === 'string') {
    return value.isWellFormed()
      ? `=${value.length}:${value}`
      : `~${JSON.stringify(value).length}:${JSON.stringify(value)}`;
  }
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value)) return `[${value.length}]${value.map(valueOf).join('')}`;
  if (typeof value === 'number' || typeof value === 'bigint') return `#${`${value}`.length}:${value}`;
  const json = JSON.stringify(value, sorted) ?? typeof value;
  return `{}${json.length}:${json}`;
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
