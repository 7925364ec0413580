/** One record of an invalidation log: who wrote it, and the names that are no longer true. */
export interface LogSlot {
  /** The number that its writer took. A slot is used again after a round of the ring, so the number says whose turn it holds. */
  readonly number: number;
  readonly writer: string;
  /** `undefined`: more than fits. Readers drop everything of this shard. */
  readonly names: readonly LogName[] | undefined;
  /** When the writer began to invalidate, by its clock: for measuring, nothing is decided by it. */
  readonly at?: number;
}

/** A key by its text (or its digest where that is long), or a tag. */
export type LogName = { readonly key: string } | { readonly tag: string };

/** Far below memcached's item limit. A longer list is replaced by "everything". */
const maxSlotBytes = 256 * 1024;

/** Format 1: a JSON array `[1, number, writer, [keys], [tags], at]`, `at` being optional, or `[1, number, writer]` for everything. */
export function encodeSlot({ number, writer, names, at }: LogSlot): Buffer {
  const keys = names?.flatMap((name) => ('key' in name ? [name.key] : []));
  const tags = names?.flatMap((name) => ('tag' in name ? [name.tag] : []));
  const full = names && Buffer.from(JSON.stringify([1, number, writer, keys, tags, ...(at === undefined ? [] : [at])]));
  return full && full.length <= maxSlotBytes ? full : Buffer.from(JSON.stringify([1, number, writer]));
}

/** `undefined` for bytes that no writer of this format made. */
export function decodeSlot(bytes: Buffer): LogSlot | undefined {
  try {
    const [format, number, writer, keys, tags, at] = JSON.parse(bytes.toString('utf8')) as [
      number,
      number,
      string,
      string[]?,
      string[]?,
      number?,
    ];
    if (format !== 1 || !Number.isSafeInteger(number)) return undefined;
    if (!keys || !tags) return { number, writer, names: undefined };
    const names = [...keys.map((key) => ({ key })), ...tags.map((tag) => ({ tag }))];
    return typeof at === 'number' ? { number, writer, names, at } : { number, writer, names };
  } catch {
    return undefined;
  }
}
