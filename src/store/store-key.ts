import { InvalidKeyError } from '../value/errors.js';

/**
 * The last gate before a wire: what passes can't be read as a second command, a second key or a body.
 * @throws InvalidKeyError
 */
export function assertStoreKey(storeKey: string): void {
  if (!isWireSafe(storeKey)) {
    throw new InvalidKeyError(
      `A store key must be 1 to 250 printable ASCII characters without spaces; this one has ${storeKey.length}. Build keys with versionedKey().`,
    );
  }
}

/** Whether a text may be a store key. A loop takes half the time of an expression, which each hit would pay. */
export function isWireSafe(storeKey: string): boolean {
  if (storeKey.length === 0 || storeKey.length > 250) return false;
  for (let index = 0; index < storeKey.length; index++) {
    const code = storeKey.charCodeAt(index);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}
