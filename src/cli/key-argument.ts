import { Key } from '../key/key.js';
import { decodePart, encodePart } from '../key/key-part.js';
import type { KeyPart } from '../key/key-part.js';
import type { KeySpace } from '../key/key-space.js';
import { UsageError } from './usage-error.js';

/** What the store shows of a key in place of its end, or of all of it. No encoded text holds a `~`. */
export const digestAtEnd = /~[\w-]{43}$/;

/** The key that an argument names. @throws UsageError, InvalidKeyError */
export function keyFrom(text: string, keySpace: KeySpace): Key {
  if (text === '') throw new UsageError('give one KEY');
  if (!text.startsWith('[') && digestAtEnd.test(text)) {
    throw new UsageError(
      'KEY ends in a digest, of which nobody can tell the key: it is too long for the store, or hidden. Give all its parts; as a JSON array, where one really ends so',
    );
  }
  assertWithoutVersions(text, 'KEY', keySpace);
  return new Key(text.startsWith('[') ? jsonParts(text) : text.split(':').map(partFrom));
}

/**
 * Other commands print store keys, and so do servers. One of another version is told by its stamp where that is absent: no part of a key is shown as nothing.
 * @throws UsageError
 */
export function assertWithoutVersions(text: string, what: 'KEY' | 'PREFIX', { prefix, namespace }: KeySpace): void {
  const own = `${encodePart(namespace)}:`;
  const unstamped = text.startsWith(own) ? /^[^:]+::/.exec(text.slice(own.length)) : null;
  const versions = text.startsWith(prefix) ? prefix : unstamped && `${own}${unstamped[0]}`;
  if (versions === null || versions === text) return;
  throw new UsageError(`${text} is a store key: the ${what} is ${text.slice(versions.length)}`);
}

/** The same key with its digits taken for numbers, where it has some: `product:1` is no entry of `versionedKey('product', 1)`. */
export function withNumbers(text: string): Key | undefined {
  if (text.startsWith('[')) return undefined;
  const parts = text.split(':').map((part) => (/^-?(0|[1-9]\d{0,14})$/.test(part) ? Number(part) : partFrom(part)));
  return parts.some((part) => typeof part === 'number') ? new Key(parts) : undefined;
}

/** A part as the store shows it; one that no store would show is taken as it is. */
function partFrom(text: string): KeyPart {
  try {
    const part = decodePart(text);
    return encodePart(part) === text ? part : text;
  } catch {
    return text;
  }
}

function jsonParts(text: string): KeyPart[] {
  try {
    return JSON.parse(text) as KeyPart[];
  } catch {
    throw new UsageError('KEY begins with [ but is no JSON array of parts');
  }
}
