import { createHash } from 'node:crypto';
import { longestTtlMs } from './lock-options.js';

/** What stands under a lock's key while it is held. */
export interface LockRecord {
  /** Who holds it: {@link holderOf} its token. The token itself never reaches the store, so that nobody can act as the owner who can only read. */
  readonly holder: string;
  /** Wall clock of the holder: when the lock ends unless it is renewed. For `Retry-After`, never for deciding who holds the lock. */
  readonly until: number;
  readonly ttlMs: number;
}

/** What a token is called in the store. */
export function holderOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** Format 2: `2 holder until ttl`, in ASCII. The holder is compared, so the rest may differ between renewals. */
export function encodeRecord({ holder, until, ttlMs }: LockRecord): Buffer {
  return Buffer.from(`2 ${holder} ${Math.ceil(until)} ${Math.ceil(ttlMs)}`, 'latin1');
}

/**
 * `undefined` for bytes that no holder wrote. They count as somebody else's: a lock is never taken over on a guess. A record of format 1 held the token
 * itself. One that claims a longer life than locks have is taken to have the longest.
 */
export function decodeRecord(bytes: Uint8Array): LockRecord | undefined {
  const text = bytes.length <= 120 ? Buffer.from(bytes).toString('latin1') : '';
  const [, format, name, until, ttlMs] = /^([12]) ([A-Za-z0-9_-]{16,64}) (\d{1,16}) (\d{1,16})$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  const holder = format === '1' ? holderOf(name) : name;
  return { holder, until: Number(until), ttlMs: Math.min(Number(ttlMs), longestTtlMs) };
}
