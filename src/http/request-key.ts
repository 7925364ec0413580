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
 * The text that names an answer: the handler, its route and parameters, the chosen query parameters and headers in canonical order, who
 * asks. Never the raw URL. GET and HEAD share it. Every value is preceded by its length, so that none can pose as two.
 *
 * One text instead of a list of parts: a hit then encodes nothing.
 */
export function requestKey(
  handler: string,
  request: HttpRequest,
  { query, headers }: KeyedBy,
  principal: Principal,
): string {
  let text = `http ${handler} ${routeOf(request)}`;
  if (request.params) text += all(request.params);
  if (request.hosts) text += ` @${all(request.hosts)}`;
  for (const name of query) text += ` ?${name}${valueOf(request.query?.[name])}`;
  for (const name of headers) text += ` ${name}:${valueOf(request.headers[name])}`;
  return principal === null ? text : `${text} for ${valueOf(principal)}`;
}

function all(given: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name of Object.keys(given).sort()) text += ` ${name}${valueOf(given[name])}`;
  return text;
}

/** `-` is absent, `=4:text` a text, `[2]` and its items a list, `{}` and its JSON anything else. */
function valueOf(value: unknown): string {
  if (typeof value === 'string') return `=${value.length}:${value.toWellFormed()}`;
  if (value === undefined || value === null) return '-';
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return `[${value.length}]${value.map(valueOf).join('')}`;
  }
  const json = JSON.stringify(value, sorted);
  return `{}${json.length}:${json}`;
}

function sorted(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
