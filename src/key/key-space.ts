import { createHash } from 'node:crypto';
import { encodePart } from './key-part.js';

/** `readable` shows the parts in the store; `digest` shows names that are made with a secret, for keys that hold personal data. */
export type KeyFormat = 'readable' | 'digest';

/** memcached refuses keys over 250 bytes; five are left for the suffix of {@link companionKey}. */
export const maxKeyBytes = 245;

/** The longest prefix of a key space: half of the room goes to the namespace and the versions, the rest to the key's own head. */
export const maxPrefixBytes = Math.floor(maxKeyBytes / 2);

const digestLength = 1 + 43; // `~` and 32 bytes in base64url

/**
 * The keys of one namespace at one version: `namespace:package version:stamp:` and the key's text. Stamp and version stand in
 * every key, so that changing either makes every older entry unreachable at once.
 */
export class KeySpace {
  /** Begins every key. An absent stamp leaves its place empty, which no text can. */
  readonly prefix: string;

  constructor(
    readonly namespace: string,
    readonly packageVersion: string,
    readonly versionStamp: string | undefined,
    /** Tells apart processes that compute other keys of the same text. */
    readonly format = 'readable',
  ) {
    const stamp = versionStamp === undefined || versionStamp === '' ? '' : encodePart(versionStamp);
    const prefix = `${encodePart(namespace)}:${encodePart(packageVersion)}:${stamp}:`;
    // A readable head survives.
    this.prefix = prefix.length <= maxPrefixBytes ? prefix : `${prefix.slice(0, 60)}${digest(prefix)}:`;
  }

  /** The key as a store sees it: printable ASCII without spaces, at most {@link maxKeyBytes} long, injective. */
  storeKey(text: string): string {
    return storeKeyUnder(this.prefix, text);
  }
}

/** The store key of a text, or of a hidden name, under the prefix of any version that has the same key format. */
export function storeKeyUnder(prefix: string, text: string): string {
  if (prefix.length + text.length <= maxKeyBytes) return prefix + text;
  return prefix + text.slice(0, maxKeyBytes - prefix.length - digestLength) + digest(text);
}

/** A second key beside a key, for what belongs to it: its refresh lease. `~` is escaped in texts, so none collides. */
export function companionKey(storeKey: string): string {
  return `${storeKey}~r`;
}

/** `~` and the SHA-256 of the text. `~` never stands in an encoded text, so that a digest is never mistaken for one. */
export function digest(text: string): string {
  return `~${createHash('sha256').update(text).digest('base64url')}`;
}
