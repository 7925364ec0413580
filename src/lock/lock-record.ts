/** What stands under a lock's key while it is held. */
export interface LockRecord {
  readonly token: string;
  /** Wall clock of the holder: when the lock ends unless it is renewed. For `Retry-After`, never for deciding who holds the lock. */
  readonly until: number;
  readonly ttlMs: number;
}

/** Format 1: `1 token until ttl`, in ASCII. The token is compared, so the rest may differ between renewals. */
export function encodeRecord({ token, until, ttlMs }: LockRecord): Buffer {
  return Buffer.from(`1 ${token} ${Math.ceil(until)} ${Math.ceil(ttlMs)}`, 'latin1');
}

/** `undefined` for bytes that no holder wrote. They count as somebody else's: a lock is never taken over on a guess. */
export function decodeRecord(bytes: Uint8Array): LockRecord | undefined {
  const text = bytes.length <= 120 ? Buffer.from(bytes).toString('latin1') : '';
  const [, token, until, ttlMs] = /^1 ([A-Za-z0-9_-]{16,64}) (\d{1,16}) (\d{1,16})$/.exec(text) ?? [];
  return token === undefined ? undefined : { token, until: Number(until), ttlMs: Number(ttlMs) };
}
