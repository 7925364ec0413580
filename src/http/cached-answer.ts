import type { Codec } from '../codec/codec.js';
import { SplicedDocument } from '../codec/spliced/spliced-document.js';
import { UndecodableError } from '../value/errors.js';

/** `text` is UTF-8 as it is sent, `bytes` anything else, `spliced` a document whose holes are filled for each request. */
export type BodyKind = 'text' | 'bytes' | 'spliced';

/** What is known of an answer besides its body. Instants are epoch milliseconds. */
export interface AnswerHead {
  readonly kind: BodyKind;
  /** As the handler set them, and the content type. */
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[];
  /** Strong, with its quotes; none for spliced documents, whose bytes are each request's own. */
  readonly etag: string | undefined;
  readonly createdAt: number;
  readonly freshUntil: number;
  readonly staleForMs: number;
}

/** A 200 answer of a handler: its body encoded once, ready to be sent. */
export class CachedAnswer {
  private ownDocument: SplicedDocument | undefined;

  constructor(
    readonly head: AnswerHead,
    readonly body: Buffer,
  ) {}

  get document(): SplicedDocument {
    return (this.ownDocument ??= SplicedDocument.parse(this.body, 'structure'));
  }
}

/** `uint32 BE length of the head · the head as JSON · the body`. One answer is shared by all who send it. */
export const answerCodec: Codec<CachedAnswer> = {
  name: 'http-answer',
  isolations: ['share'],
  encode({ head, body }) {
    const json = Buffer.from(JSON.stringify(head), 'utf8');
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(json.length);
    return Buffer.concat([length, json, body]);
  },
  decode(payload) {
    const end = payload.length < 4 ? Infinity : 4 + payload.readUInt32BE(0);
    if (end > payload.length) throw new UndecodableError('An answer ends within its head.');
    try {
      const head = JSON.parse(payload.toString('utf8', 4, end)) as AnswerHead;
      return new CachedAnswer({ ...head, freshUntil: head.freshUntil ?? Infinity }, Buffer.from(payload.subarray(end)));
    } catch (cause) {
      throw new UndecodableError('The head of an answer is not JSON.', { cause });
    }
  },
};
