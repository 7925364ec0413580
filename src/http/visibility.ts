import type { HeadersToGo } from './headers-to-go.js';
import { splitNames } from './http-exchange.js';

/** What caches on the way are told of an answer that belongs to one caller and that nobody may keep. */
export const ofNobodyElse = 'private, no-store';

const opens = (directive: string): boolean => /^(public|s-maxage|proxy-revalidate)\b/i.test(directive);
/** `private="field"` is said of these fields alone: shared caches may keep the rest (RFC 9111, 5.2.2.7). */
const closes = (directive: string): boolean => /^(private|no-store)$/i.test(directive);

/** The same directives, but for the caller's own cache alone. `no-store` and `private` stand as they are. */
export function privateControl(control: unknown, otherwise: string): string {
  const given = splitNames(control);
  if (given.length === 0) return otherwise;
  const rest = given.filter((directive) => !opens(directive));
  return rest.some(closes) ? rest.join(', ') : ['private', ...rest].join(', ');
}

/** Sees to it that an answer which sets a cookie is its caller's alone, whenever the cookie comes. */
export function keepCookiesPrivate(headers: HeadersToGo): void {
  if (headers.getHeader('set-cookie') === undefined) return;
  headers.setHeader('Cache-Control', privateControl(headers.getHeader('cache-control'), ofNobodyElse));
}
