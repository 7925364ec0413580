import { json } from '../codec/json.js';
import type { Codec } from '../codec/codec.js';
import type { CatalogueKey } from '../catalogue/catalogue-key.js';
import { KeyParameter } from '../catalogue/key-parameter.js';
import { overlappingPairs, refusePairs } from '../catalogue/key-overlap.js';
import type { KeyPart } from '../key/key-part.js';
import type { KeyClassFacts } from '../catalogue/key-class-facts.js';
import { InvalidKeyError } from '../value/errors.js';

/** A key that a key class made, whatever its values are. */
export interface AnyRecordKey {
  readonly keyClass: KeyClassFacts;
  readonly parts: readonly KeyPart[];
}

/** The key classes of records. Their keys stand in Redis literally, as their pattern reads: no namespace, no version, nothing escaped. */
export class RecordKeys {
  private readonly patterns: ReadonlySet<string>;

  /** @throws InvalidOptionError for patterns that can produce the same key: a number stands as its digits. */
  constructor(keyClasses: readonly KeyClassFacts[]) {
    const literal = keyClasses.map(({ pattern, parsed: { segments } }) => ({
      pattern,
      parsed: { segments, typesAreTexts: true },
    }));
    refusePairs('keys', [...overlappingPairs(literal)]);
    this.patterns = new Set(keyClasses.map(({ pattern }) => pattern));
  }

  /**
   * The key as it stands in Redis.
   * @throws InvalidKeyError for a key of no class or another one, for a part that holds a colon, since where it ends could not be told, and for a value that has the
   * text for "none".
   */
  nameOf(key: AnyRecordKey): string {
    // A text, or a key of parts, says of no class how it stands in Redis.
    const { keyClass } = (key ?? {}) as Partial<AnyRecordKey>;
    if (keyClass === undefined) {
      throw new InvalidKeyError('A key of records is made by a key class. Define one by defineKey(), and call it.');
    }
    const { pattern, parsed } = keyClass;
    if (!this.patterns.has(pattern)) {
      throw new InvalidKeyError(`The key class '${pattern}' is none of these records'. Add it to their keys.`);
    }
    const parts = key.parts.map((part, index) => {
      const segment = parsed.segments[index];
      return segment instanceof KeyParameter ? segment.textOf(part) : String(part);
    });
    const bad = parts.findIndex((part) => part === '' || part.includes(':'));
    if (bad >= 0) {
      throw new InvalidKeyError(
        `Part ${bad + 1} of a key of '${pattern}' is empty or holds a colon, and keys of records stand literally. Give a text without colons.`,
      );
    }
    return parts.join(':');
  }
}

/** The codec of a key's values. Default `json()`. */
export function codecOf<V>(key: CatalogueKey<V>): Codec<V> {
  return key.options.codec ?? json<V>();
}
