import type { ServerResponse } from 'node:http';
import { splitNames } from './http-exchange.js';

/** What caches on the way are told of an answer that belongs to one caller and that nobody may keep. */
export const ofNobodyElse = 'private, no-store';

const opens = (directive: string): boolean => /^(public|s-maxage|proxy-revalidate)\b/i.test(directive);
const closes = (directive: string): boolean => /^(private|no-store)\b/i.test(directive);

/** The same directives, but for the caller's own cache alone. `no-store` and `private` stand as they are. */
export function privateControl(control: unknown, otherwise: string): string {
  const given = splitNames(control);
  if (given.length === 0) return otherwise;
  const rest = given.filter((directive) => !opens(directive));
  return rest.some(closes) ? rest.join(', ') : ['private', ...rest].join(', ');
}

type Store = (this: ServerResponse, line: string, headers: unknown) => void;
type Plain = Record<string, unknown>;

/**
 * Sees to it that an answer which sets a cookie is its caller's alone, whenever the cookie comes: session middleware and hooks set theirs when
 * the headers are written. Node has one place that all of them come by; a response without it (HTTP/2) is judged when it is answered.
 */
export function keepCookiesPrivate(raw: ServerResponse): void {
  const response = raw as ServerResponse & { _storeHeader?: Store };
  const store = response._storeHeader;
  if (typeof store !== 'function') return;
  response._storeHeader = function (line, headers) {
    const own = this.getHeaderNames().length > 0 || Array.isArray(headers) ? undefined : (headers as Plain | undefined);
    if (own && nameIn(own, 'set-cookie')) {
      const control = nameIn(own, 'cache-control');
      const value = privateControl(control && own[control], ofNobodyElse);
      return store.call(this, line, { ...own, [control ?? 'cache-control']: value });
    }
    if (this.hasHeader('set-cookie')) {
      this.setHeader('Cache-Control', privateControl(this.getHeader('cache-control'), ofNobodyElse));
    }
    return store.call(this, line, headers);
  };
}

const nameIn = (headers: Plain, name: string): string | undefined =>
  Object.keys(headers).find((one) => one.toLowerCase() === name);
