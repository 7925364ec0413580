import { createHash } from 'node:crypto';
import type { HeadersToGo } from './headers-to-go.js';

/** A strong entity tag of these bytes, with its quotes (RFC 9110, 8.8.3). */
export function entityTag(body: Uint8Array): string {
  return `"${createHash('sha1').update(body).digest('base64url')}"`;
}

/** Whether `If-None-Match` names this tag, by the weak comparison that RFC 9110, 13.1.2 asks for. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return (ifNoneMatch.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag.replace(/^W\//, '') === opaque);
}

/**
 * A strong tag is of these very bytes: where something on the way has encoded them since, it names two bodies, and a client that goes on with the one would be
 * given the rest of the other (RFC 9110, 8.8.3.3). A weak one still answers `If-None-Match`.
 *
 * @param encoding `Content-Encoding` when the tag was set.
 */
export function weakenWhereEncoded(headers: HeadersToGo, encoding: unknown): void {
  const now = headers.getHeader('content-encoding');
  const etag = headers.getHeader('etag');
  if (now === undefined || now === encoding || typeof etag !== 'string' || etag.startsWith('W/')) return;
  headers.setHeader('ETag', `W/${etag}`);
}
