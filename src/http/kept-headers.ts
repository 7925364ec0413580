import { splitNames } from './http-exchange.js';

type Headers = Readonly<Record<string, unknown>>;
type Kept = [name: string, value: string | readonly string[]][];

/** Of this exchange alone: connections, the moment, and what is worked out for each answer (RFC 9110, 7.6.1; RFC 9111, 3.1). */
const ofExchange: readonly string[] = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'content-length',
  'date',
  'age',
  'vary',
];

/**
 * What the handler added to the headers and every answer shall repeat; `undefined` when they say that the answer is not to be kept: it
 * sets a cookie, varies by everything, or its `Cache-Control` forbids it.
 *
 * @param shared the answer is for more than one caller.
 */
export function keptHeaders(before: Headers, after: Headers, shared: boolean): Kept | undefined {
  const control = splitNames(after['cache-control']).map((directive) => directive.toLowerCase().split('=')[0]);
  if (control.includes('no-store') || (shared && control.includes('private'))) return undefined;
  if (splitNames(after['vary']).includes('*')) return undefined;
  const kept: Kept = [];
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined || sameAs(before[name], value)) continue;
    if (name === 'set-cookie') return undefined;
    if (ofExchange.includes(name)) continue;
    kept.push([name, Array.isArray(value) ? value.map(String) : `${value as string | number}`]);
  }
  return kept;
}

function sameAs(one: unknown, other: unknown): boolean {
  return one === other || (Array.isArray(one) && Array.isArray(other) && one.join('\0') === other.join('\0'));
}
