import { InvalidKeyError } from '../value/errors.js';

const wireSafe = /^[\x21-\x7e]{1,250}$/;

/**
 * The last gate before a wire: what passes can't be read as a second command, a second key or a body.
 * @throws InvalidKeyError
 */
export function assertStoreKey(storeKey: string): void {
  if (!wireSafe.test(storeKey)) {
    throw new InvalidKeyError(
      `A store key must be 1 to 250 printable ASCII characters without spaces; this one has ${storeKey.length}. Build keys with versionedKey().`,
    );
  }
}
