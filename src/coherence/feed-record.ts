import { idOfText } from '../key/key.js';
import { maxRecordBytes } from '../store/feed.js';
import { isTagName, tagIn, tagName } from './invalidated-names.js';

/** What one cache told the feed in one append: names that are no longer true. */
export interface FeedRecord {
  /** Names the cache instance that wrote it, and which of its records this is. */
  readonly writer: string;
  readonly number: number;
  /** Keys by their texts, or their digests where those are long or not to be seen; tags as {@link tagName} spells them. */
  readonly names: readonly string[];
  /** When the writer began to invalidate, by its clock: for measuring, nothing is decided by it. */
  readonly at: number;
}

const format = 2;
/** The brackets, the writer and the numbers; and a signature, where there is one. */
const frameBytes = 200;

/** Format 2: a JSON array `[2, writer, number, at, [keys], [tags]]`. */
export function encodeRecord({ writer, number, names, at }: FeedRecord): Buffer {
  const keys = names.filter((name) => !isTagName(name));
  const tags = names.filter(isTagName).map(tagIn);
  return Buffer.from(JSON.stringify([format, writer, number, at, keys, tags]));
}

/** Parts of a list of names that each fit into one record. */
export function partsOf(names: readonly string[]): string[][] {
  const parts: string[][] = [];
  let left = 0;
  for (const name of names) {
    const bytes = Buffer.byteLength(JSON.stringify(isTagName(name) ? tagIn(name) : name)) + 1;
    if (bytes > left || parts.length === 0) {
      parts.push([]);
      left = maxRecordBytes - frameBytes;
    }
    (parts.at(-1) as string[]).push(name);
    left -= bytes;
  }
  return parts;
}

/** `undefined` for bytes that no writer of this format made. */
export function decodeRecord(bytes: Buffer): FeedRecord | undefined {
  try {
    const fields = JSON.parse(bytes.toString('utf8')) as unknown;
    if (!Array.isArray(fields) || fields.length !== 6) return undefined;
    const [given, writer, number, at, keys, tags] = fields as unknown[];
    if (given !== format || typeof writer !== 'string' || !Number.isSafeInteger(number) || !Number.isFinite(at)) {
      return undefined;
    }
    if (!isTexts(keys) || !isTexts(tags)) return undefined;
    for (const key of keys) idOfText(key); // throws for what names no key
    return {
      writer,
      number: number as number,
      at: at as number,
      names: [...keys, ...tags.map(tagName)],
    };
  } catch {
    return undefined;
  }
}

function isTexts(given: unknown): given is string[] {
  return Array.isArray(given) && given.every((one) => typeof one === 'string');
}
