import { assertObjectKey } from '../key/object-key.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { FileRequest } from './tiered-file.js';

const known = KnownOptions.of<FileRequest>('TieredFiles.open()', { uid: true, key: true, size: true, sha256: true });
const maxUidLength = 512;

/** @throws InvalidOptionError · InvalidKeyError for a key that no object has. */
export function assertFileRequest(request: FileRequest): void {
  known.check(request);
  const { uid, key, size, sha256 } = request;
  assertUid(uid);
  assertObjectKey(key);
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new InvalidOptionError('size', 'it is no number of bytes', 'Give what the row says, or leave it out.');
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new InvalidOptionError(
      'sha256',
      'it is no SHA-256',
      'Give 64 lower-case hexadecimal digits, or leave it out.',
    );
  }
}

/** @throws InvalidOptionError */
export function assertUid(uid: unknown): void {
  if (typeof uid === 'string' && uid.length > 0 && uid.length <= maxUidLength) return;
  throw new InvalidOptionError('uid', 'it names no row', `Give a text of 1 to ${maxUidLength} characters.`);
}
