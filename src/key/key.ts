import { inspect } from 'node:util';
import { InvalidKeyError } from '../value/errors.js';
import { decodePart, encodePart } from './key-part.js';
import type { KeyPart } from './key-part.js';

/** What the cache takes for a key: a plain string `'a'` is `versionedKey('a')`. */
export type KeyLike = string | Key;

/** Of a key's text. More is a document, not a name: it would be hashed, sent and kept in full wherever the key is named. */
export const maxKeyTextBytes = 8_192;

/**
 * An immutable list of parts. It carries no version: the cache that uses it puts its namespace, package version and stamp in
 * front. Different lists never share an entry.
 */
export class Key {
  // Not #private: defining such fields takes as long as all the rest of making a key.
  private ownParts: readonly KeyPart[] | undefined;
  private ownText: string | undefined;
  private ownId: string | undefined;

  /**
   * @param parts `undefined`: they are read from the text when they are first asked for.
   * @param text the encoded parts, where the caller has them. `null`: they are encoded when the text is first asked for. Either way the parts
   * are of the right types, well-formed, and the caller's to give away. Default: copied, checked and encoded now.
   */
  constructor(parts: readonly KeyPart[] | undefined, text?: string | null) {
    this.ownParts = text === undefined ? [...(parts ?? [])] : parts;
    this.ownText = text === undefined ? encodeParts(parts ?? []) : (text ?? undefined);
    if (this.ownText !== undefined) assertLength(this.ownText);
    this.ownId = undefined;
  }

  get parts(): readonly KeyPart[] {
    return Object.freeze((this.ownParts ??= this.text.split(':').map(decodePart)));
  }

  /** The encoded parts joined with `:`, all printable ASCII, at most {@link maxKeyTextBytes}. Different lists have different texts. @throws InvalidKeyError for a longer one. */
  get text(): string {
    return (this.ownText ??= assertLength(this.encode(this.ownParts ?? [])));
  }

  /**
   * What near tiers index by. A one-string key is that string itself, so that a hit on a plain string key encodes nothing; all
   * others are NUL and the text. (A string that begins with NUL counts among the others.)
   */
  get id(): string {
    return (this.ownId ??= this.identify());
  }

  /** What the caller gave, where this key goes by a hidden name. */
  get original(): this {
    return this;
  }

  /** @internal The same key with the same parts and class, that is called and shown by this name alone. */
  named(name: string): this {
    void this.parts;
    const hidden = Object.create(this) as this;
    hidden.ownText = name;
    hidden.ownId = `\0${name}`;
    Object.defineProperty(hidden, 'original', { value: this });
    return hidden;
  }

  /** The parts with their types: `[{ string: 'a' }, { number: 1 }, { null: true }]`. */
  toJSON(): object[] {
    return this.parts.map((part) => (part === null ? { null: true } : { [typeof part]: jsonSafe(part) }));
  }

  toString(): string {
    return this.text;
  }

  [inspect.custom](): string {
    return `Key { ${this.text} }`;
  }

  /** The text of these parts. Key classes know their literals beforehand. */
  protected encode(parts: readonly KeyPart[]): string {
    return encodeParts(parts);
  }

  private identify(): string {
    if (!this.ownParts) return idOfText(this.text);
    const [only] = this.ownParts;
    return this.ownParts.length === 1 && typeof only === 'string' && isPlainId(only) ? only : `\0${this.text}`;
  }
}

/**
 * A key of these parts. Its order and types matter: `('a', 'b:c')`, `('a:b', 'c')`, `(1)` and `('1')` are four keys.
 *
 * @throws InvalidKeyError for an empty list, a part of another type, NaN, infinities, lone surrogates, more than 8,192 encoded characters.
 * @example versionedKey('content_metadata', customerUuid, contentKey)
 */
export function versionedKey(...parts: KeyPart[]): Key {
  return new Key(parts);
}

/** No character of a string takes more than this in a key's text: three bytes of UTF-8, each written as in a URL. */
const longestCharacter = 9;

/** Whether a string that others make up is short enough to be a key by itself. */
export function fitsKey(text: string): boolean {
  return text.length * longestCharacter <= maxKeyTextBytes || encodePart(text).length <= maxKeyTextBytes;
}

/** The key that a plain string stands for; keys pass through. */
export function toKey(key: KeyLike): Key {
  if (typeof key === 'string') return new Key([key], encodePart(key));
  if (key instanceof Key) return key;
  throw new InvalidKeyError('A key is a string or made by versionedKey() or a key class. Convert it first.');
}

/** A list of keys as an array. A string is a list of texts too, and here one key. @throws InvalidKeyError for what is no list. */
export function listKeys<K extends KeyLike>(keys: K | Iterable<K>): readonly K[] {
  if (Array.isArray(keys)) return keys as readonly K[];
  if (typeof keys === 'string' || keys instanceof Key) return [keys];
  const given = (keys ?? {}) as Partial<Iterable<K>>;
  if (typeof given[Symbol.iterator] === 'function') return [...(given as Iterable<K>)];
  throw new InvalidKeyError('What was given for keys is no list of keys. Give an array of them.');
}

/** The {@link Key.id} of the key that has this text. */
export function idOfText(text: string): string {
  if (text.charCodeAt(0) === hiddenMark) return `\0${text}`;
  const only = text.includes(':') ? undefined : decodePart(text);
  return typeof only === 'string' && isPlainId(only) ? only : `\0${text}`;
}

/** The text of the key that has this {@link Key.id}. */
export function textOfId(id: string): string {
  return isPlainId(id) ? encodePart(id) : id.slice(1);
}

/** Whether this string, as a key, is its own {@link Key.id}. One comparison: it stands on the path of every hit. */
export function isPlainId(text: string): boolean {
  return text.charCodeAt(0) !== 0;
}

/** `~`: no text that parts make begins with it. */
const hiddenMark = 0x7e;

function encodeParts(parts: readonly KeyPart[]): string {
  if (parts.length === 0) throw new InvalidKeyError('A key has no parts. Give at least one.');
  let text = encodePart(parts[0] as KeyPart);
  for (let index = 1; index < parts.length; index++) text += `:${encodePart(parts[index] as KeyPart)}`;
  return text;
}

function assertLength(text: string): string {
  if (text.length <= maxKeyTextBytes) return text;
  throw new InvalidKeyError(
    `A key has ${text.length} encoded characters, more than ${maxKeyTextBytes}. Put a digest of the long part into it.`,
  );
}

function jsonSafe(part: Exclude<KeyPart, null>): string | number | boolean {
  return typeof part === 'bigint' ? part.toString() : part;
}
