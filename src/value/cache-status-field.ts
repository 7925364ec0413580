/** What a cache did with a request, as RFC 9211 has it; everything but `cache` may be absent. */
export interface CacheStatusMember {
  /** The name of the cache that says it. */
  readonly cache: string;
  readonly hit?: boolean;
  /** Why the request went on to what is behind the cache: the names of RFC 9211, section 2.2. */
  readonly fwd?: 'bypass' | 'method' | 'miss' | 'request' | 'stale';
  /** The status that what is behind it answered with. */
  readonly fwdStatus?: number;
  /** The answer was handed to the cache. */
  readonly stored?: boolean;
  /** One run was shared with other requests. */
  readonly collapsed?: boolean;
  /** Seconds that are left of its freshness; negative when it is stale. */
  readonly ttl?: number;
  readonly key?: string;
  readonly detail?: string;
}

const token = /^[A-Za-z*][-A-Za-z0-9:/!#$%&'*+.^_`|~]*$/;

/** The name that a cache of this library bears in the header. */
export const cacheStatusName = (cache: string): string =>
  cache === 'default' ? 'tiered-cache' : `tiered-cache/${cache}`;

/** One member of a `Cache-Status` header, in the order in which RFC 9211 lists its parameters. */
export function cacheStatusField(member: CacheStatusMember): string {
  let text = item(member.cache);
  if (member.hit === true) text += '; hit';
  if (member.fwd !== undefined) text += `; fwd=${member.fwd}`;
  if (member.fwdStatus !== undefined) text += `; fwd-status=${member.fwdStatus}`;
  if (member.ttl !== undefined && Number.isSafeInteger(member.ttl)) text += `; ttl=${member.ttl}`;
  if (member.stored === true) text += '; stored';
  if (member.collapsed === true) text += '; collapsed';
  if (member.key !== undefined) text += `; key=${quoted(member.key)}`;
  if (member.detail !== undefined) text += `; detail=${item(member.detail)}`;
  return text;
}

/** A member after those that caches nearer to the origin have written. */
export function appendCacheStatus(given: unknown, member: CacheStatusMember): string {
  const before = Array.isArray(given) ? given.join(', ') : typeof given === 'string' ? given : '';
  return before === '' ? cacheStatusField(member) : `${before}, ${cacheStatusField(member)}`;
}

const item = (text: string): string => (token.test(text) ? text : quoted(text));

/** A string of RFC 8941, 3.3.3: what is not printable ASCII is written as in a URL. */
function quoted(text: string): string {
  const printable = text.toWellFormed().replace(/[^ -~]+/gu, (part) => encodeURIComponent(part));
  return `"${printable.replace(/["\\]/g, '\\$&')}"`;
}
