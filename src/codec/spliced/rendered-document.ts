import { Readable } from 'node:stream';

/** Small enough that a slow reader holds back the rest, large enough that few writes do. */
const maxChunkBytes = 64 * 1024;

/** A document as it is served: all of it is there before its first byte leaves. The bytes are the caller's own. */
export class RenderedDocument {
  constructor(private readonly whole: Buffer) {}

  /** For the Content-Length. */
  get byteLength(): number {
    return this.whole.length;
  }

  /** The bytes in order, in pieces of at most 64 KiB. */
  get chunks(): Buffer[] {
    const chunks: Buffer[] = [];
    for (let at = 0; at < this.whole.length; at += maxChunkBytes) {
      chunks.push(this.whole.subarray(at, at + maxChunkBytes));
    }
    return chunks;
  }

  toBuffer(): Buffer {
    return this.whole;
  }

  /** For Nest: `new StreamableFile(rendered.stream(), { type: 'application/json', length: rendered.byteLength })`. */
  stream(): Readable {
    return Readable.from(this.chunks, { objectMode: false });
  }
}
