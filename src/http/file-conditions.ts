import type { IncomingHttpHeaders } from 'node:http';
import { matches } from './conditional.js';

/** What the conditions of a request are compared with. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly lastModified?: Date;
}

/** What the conditions of a GET or HEAD request come to, in the order of RFC 9110, 13.2.2. */
export function conditionOf(headers: IncomingHttpHeaders, validators: Validators): 'go on' | 304 | 412 {
  const { etag } = validators;
  const modified = validators.lastModified && seconds(validators.lastModified.getTime());
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matchesStrongly(ifMatch, etag)) return 412;
  } else {
    const since = dateOf(headers['if-unmodified-since']);
    if (since !== undefined && modified !== undefined && modified > since) return 412;
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, etag) ? 304 : 'go on';
  const since = dateOf(headers['if-modified-since']);
  return since !== undefined && modified !== undefined && modified <= since ? 304 : 'go on';
}

/** Whether a Range counts: If-Range names this very version, by its strong tag or its exact date. */
export function isRangeOfThis(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const ifRange = headers['if-range'] as string | undefined; // Node joins or drops repeated ones.
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return ifRange.trim() === etag && !etag.startsWith('W/');
  return dateOf(ifRange) === (lastModified ? seconds(lastModified.getTime()) : NaN);
}

function matchesStrongly(ifMatch: string, etag: string): boolean {
  if (ifMatch.trim() === '*') return true;
  const tags: readonly string[] = ifMatch.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.includes(etag);
}

/** Dates of HTTP know no fractions. */
const seconds = (ms: number): number => Math.floor(ms / 1000);

function dateOf(header: string | undefined): number | undefined {
  const ms = header === undefined ? NaN : Date.parse(header);
  return Number.isNaN(ms) ? undefined : seconds(ms);
}
