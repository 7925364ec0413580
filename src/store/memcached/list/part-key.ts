import { createHash } from 'node:crypto';

/** A key's part of the store, for good: each part is on one server of the list in force. As many as a fleet of dozens of servers can share evenly. */
export const partCount = 64;

const longestKey = 250;

export function partOf(storeKey: string): number {
  return createHash('md5').update(storeKey).digest().readUInt32LE(0) % partCount;
}

/**
 * A key as it lies on a server: under one list's id, so that nothing that was stored under another list is ever found. What would grow too long keeps its
 * head, and ends in a digest.
 */
export function keyUnder(head: string, storeKey: string): string {
  if (head.length + storeKey.length <= longestKey) return head + storeKey;
  const digest = createHash('sha256').update(storeKey).digest('base64url');
  return `${head}${storeKey.slice(0, longestKey - head.length - digest.length - 1)}~${digest}`;
}
