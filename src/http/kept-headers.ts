import { splitNames } from './http-exchange.js';

type Headers = Readonly<Record<string, unknown>>;
type Kept = [name: string, value: string | readonly string[]][];

/** Why an answer is handed to its caller and not kept. */
export type UnkeptReason =
  'status' | 'cookie' | 'no-store' | 'private' | 'vary' | 'extended' | 'stream' | 'too-large' | 'unserializable';

/**
 * What says something of the body or of its life, and so is true of every repetition (RFC 9110, 8; RFC 9111, 5). All others are of one
 * exchange until they are named: an `X-Request-Id` of the first caller is nobody else's.
 */
const ofRepresentation: ReadonlySet<string> = new Set([
  'cache-control',
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'link',
  'repr-digest',
  'sunset',
]);

/** What can't be kept even if it is named: connections, the moment, and what is worked out for each answer (RFC 9110, 7.6.1; RFC 9111, 3.1). */
const ofExchange: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
]);

/** What middleware varies by for reasons of its own: it is at work for repeated answers as well. */
const ofMiddleware: ReadonlySet<string> = new Set([
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'origin',
]);

/** Whether no answer repeats this header, whatever the option `keepHeaders` says. */
export const neverKept = (name: string): boolean => ofExchange.has(name.toLowerCase());

/** What the headers of an answer are judged by. */
export interface HeaderRules {
  /** The answer is for more than one caller. */
  readonly shared: boolean;
  /** Names of request headers that are in the key, in lower case. */
  readonly keyed: ReadonlySet<string>;
  /** Further headers to keep, in lower case. */
  readonly keep: ReadonlySet<string>;
  /** The key knows of what middleware makes of a request. */
  readonly covered: boolean;
}

export interface KeptHeaders {
  readonly kept: Kept;
  /** Names of those that the run has set and that only its own caller is given. */
  readonly dropped: readonly string[];
}

/**
 * What every repetition of an answer says, or why there can be none: it sets a cookie, varies by what is not in its key, adds to what middleware has set
 * for this request, or its `Cache-Control` forbids it.
 *
 * @param before the headers when the handler was to run: middleware sets them for each answer.
 * @param set names of those that the run has set, in lower case: middleware may have set the same by chance, and set something else for the next caller.
 */
export function keptHeaders(
  before: Headers,
  after: Headers,
  set: ReadonlySet<string>,
  rules: HeaderRules,
): KeptHeaders | UnkeptReason {
  const control = splitNames(after['cache-control']).map((directive) => directive.toLowerCase().split('=')[0]);
  if (control.includes('no-store')) return 'no-store';
  if (rules.shared && control.includes('private')) return 'private';
  if (!sameHeader(before['set-cookie'], after['set-cookie'])) return 'cookie';
  const ofOthers = new Set(namesIn(before['vary']).filter((name) => ofMiddleware.has(name)));
  if (namesIn(after['vary']).some((name) => !rules.keyed.has(name) && !ofOthers.has(name))) return 'vary';
  const kept: Kept = [];
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined || ofExchange.has(name)) continue;
    const isSame = sameHeader(before[name], value);
    const isOfAnswer = ofRepresentation.has(name) || rules.keep.has(name);
    if (isSame && !(isOfAnswer && set.has(name))) continue;
    if (!isOfAnswer) dropped.push(name);
    else if (!rules.covered && !isSame && isExtended(name, before[name], value, rules)) return 'extended';
    else kept.push([name, Array.isArray(value) ? value.map(String) : `${value as string | number}`]);
  }
  return { kept, dropped };
}

const namesIn = (header: unknown): string[] => splitNames(header).map((name) => name.toLowerCase());

/** Of lists, to which a run may add. What others begin with says nothing: `no-cache, private` is a new value. */
function isExtended(name: string, before: unknown, after: unknown, { keep }: HeaderRules): boolean {
  if (before === undefined || !(name === 'link' || (keep.has(name) && !ofRepresentation.has(name)))) return false;
  const all = new Set(splitNames(after));
  return splitNames(before).every((one) => all.has(one));
}

/** Whether two values of one header are the same text, or the same list of texts. */
export function sameHeader(one: unknown, other: unknown): boolean {
  return one === other || (Array.isArray(one) && Array.isArray(other) && one.join('\0') === other.join('\0'));
}
