import { Readable } from 'node:stream';
import type { ObjectStore, OpenedObject, OpenOptions } from '../../../src/object/object-store.js';

/** A real store, with a record of what is asked of it, and a place to act while it answers. */
export interface CountedStore extends ObjectStore {
  /** Ranges of the reads, in their order: `all` or `<start>-<end or nothing>`. */
  readonly reads: string[];
  readonly heads: string[];
  /** When the first bytes of its first body were there, by the clock of the whole machine. In ms; `undefined`: not yet. */
  firstByteAt: number | undefined;
}

/** The same clock in all processes. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface CountedOptions {
  /** Called before each piece of a body with the bytes that went before. It may take its time, or throw. */
  readonly beforePiece?: (sent: number) => Promise<void> | void;
  /** Bytes of a piece. Default 64 KiB. */
  readonly pieceBytes?: number;
  readonly beforeOpen?: () => Promise<void> | void;
  /** False: the store does not tell what its bytes add up to. Default true. */
  readonly checksums?: boolean;
}

export function countedStore(store: ObjectStore, options: CountedOptions = {}): CountedStore {
  const { beforePiece, pieceBytes = 64 * 2 ** 10, beforeOpen, checksums = true } = options;
  const [reads, heads]: [string[], string[]] = [[], []];
  const open = async (key: string, asked: OpenOptions = {}): Promise<OpenedObject> => {
    reads.push(asked.range ? `${asked.range.start}-${asked.range.end ?? ''}` : 'all');
    await beforeOpen?.();
    const { checksum, ...rest } = await store.open(key, asked);
    const opened = { ...rest, ...(checksums && checksum && { checksum }) };
    opened.body.once('readable', () => (counted.firstByteAt ??= machineMs()));
    return beforePiece ? { ...opened, body: Readable.from(slowly(opened.body), { objectMode: false }) } : opened;
  };
  async function* slowly(body: Readable): AsyncGenerator<Buffer> {
    let sent = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const piece = chunk.subarray(at, at + pieceBytes);
        await beforePiece?.(sent);
        sent += piece.length;
        yield piece;
      }
    }
  }
  const counted: CountedStore = {
    name: store.name,
    presigns: store.presigns,
    reads,
    heads,
    open,
    head: (key, asked) => {
      heads.push(key);
      return store.head(key, asked);
    },
    put: (key, body, asked) => store.put(key, body, asked),
    remove: (key, asked) => store.remove(key, asked),
    list: (prefix, asked) => store.list(prefix, asked),
    presign: (key, asked) => store.presign(key, asked),
    firstByteAt: undefined,
  };
  return counted;
}
