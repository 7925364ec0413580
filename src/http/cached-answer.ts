import type { CopyEnd, NotesEnd } from '../codec/noted-end.js';
import { SplicedDocument } from '../codec/spliced/spliced-document.js';
import type { Clock } from '../value/clock.js';
import { UndecodableError } from '../value/errors.js';
import { lastingCopy } from '../value/lasting-copy.js';
import { isHeaderName } from './http-exchange.js';
import { neverKept } from './kept-headers.js';

/** `text` is UTF-8 as it is sent, `bytes` anything else, `spliced` a document whose holes are filled for each request. */
export type BodyKind = 'text' | 'bytes' | 'spliced';

/** What is known of an answer besides its body. Instants are epoch milliseconds. */
export interface AnswerHead {
  readonly kind: BodyKind;
  /** As the handler set them, and the content type. */
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[];
  /** Names of those that the handler has removed: middleware sets them for each answer. Absent: none. */
  readonly removed?: readonly string[];
  /** Strong, with its quotes; none for spliced documents, whose bytes are each request's own. */
  readonly etag: string | undefined;
  /** By the clock of whoever made it, as `freshUntil` is: how long it is from one to the other is true everywhere, what either says is not. */
  readonly createdAt: number;
  readonly freshUntil: number;
  readonly staleForMs: number;
}

/** A 200 answer of a handler: its body encoded once, ready to be sent. */
export class CachedAnswer {
  private ownDocument: SplicedDocument | undefined = undefined;
  private end: CopyEnd | undefined = undefined;

  constructor(
    readonly head: AnswerHead,
    readonly body: Buffer,
  ) {}

  get document(): SplicedDocument {
    return (this.ownDocument ??= SplicedDocument.parse(this.body, 'structure'));
  }

  endsAt(end: CopyEnd): void {
    this.end = end;
  }

  /**
   * How much longer it is fresh, in milliseconds, by whichever clock says least; negative: it is stale.
   *
   * 1. The clock of A is an hour ahead, and A makes an answer that lives 10 minutes; 2. by B's clock, it ends in 70 minutes. 3. What B has of it ends as the
   * store counts. Told of more, browsers would keep it as much longer.
   */
  leftMs(clock: Pick<Clock, 'now' | 'monotonic'>): number {
    const { createdAt, freshUntil } = this.head;
    const byWall = (this.end?.wall ?? freshUntil) - clock.now();
    const byMonotonic = this.end ? this.end.monotonic - clock.monotonic() : Infinity;
    return Math.min(freshUntil - createdAt, byWall, byMonotonic);
  }

  /** In milliseconds: what is not left of its life. Where that is endless, as the clocks say. */
  ageMs(clock: Pick<Clock, 'now' | 'monotonic'>): number {
    const { createdAt, freshUntil } = this.head;
    if (freshUntil === Infinity) return Math.max(0, clock.now() - createdAt);
    return freshUntil - createdAt - this.leftMs(clock);
  }
}

/** `uint32 BE length of the head · the head as JSON · the body`. One answer is shared by all who send it. */
export const answerCodec: NotesEnd<CachedAnswer> = {
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
    const answer = new CachedAnswer(headOf(payload.toString('utf8', 4, end)), lastingCopy(payload.subarray(end)));
    // What can't be filled is no answer: it would fail each request until it ends.
    if (answer.head.kind === 'spliced') void answer.document;
    return answer;
  },
  noteEnd: (answer, end) => answer.endsAt(end),
};

const kinds: readonly unknown[] = ['text', 'bytes', 'spliced'];
/** What Node lets through as the value of a header. */
const valueForm = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What a store holds may have been written by anybody: a head that no answer can have is none. */
function headOf(json: string): AnswerHead {
  let head: Partial<Record<keyof AnswerHead, unknown>> | null;
  try {
    head = JSON.parse(json) as typeof head;
  } catch (cause) {
    throw new UndecodableError('The head of an answer is not JSON.', { cause });
  }
  if (typeof head !== 'object' || head === null) throw implausible('head');
  const { kind, headers, removed, etag, createdAt, freshUntil, staleForMs } = head;
  if (!kinds.includes(kind)) throw implausible('kind');
  if (!Array.isArray(headers) || !headers.every(isHeader)) throw implausible('headers');
  if (removed !== undefined && !(Array.isArray(removed) && removed.every(isName))) throw implausible('removed');
  if (etag !== undefined && !isValue(etag)) throw implausible('etag');
  if (!Number.isFinite(createdAt)) throw implausible('createdAt');
  if (freshUntil !== null && !Number.isFinite(freshUntil)) throw implausible('freshUntil');
  if (!Number.isFinite(staleForMs)) throw implausible('staleForMs');
  return { ...(head as unknown as AnswerHead), etag, freshUntil: (freshUntil as number | null) ?? Infinity };
}

const implausible = (field: string): UndecodableError =>
  new UndecodableError(`The ${field} of an answer is not what one has.`);

const isValue = (value: unknown): value is string => typeof value === 'string' && valueForm.test(value);

const isName = (name: unknown): boolean => typeof name === 'string' && isHeaderName(name) && !neverKept(name);

function isHeader(header: unknown): boolean {
  if (!Array.isArray(header) || header.length !== 2) return false;
  const [name, value] = header as [unknown, unknown];
  if (!isName(name)) return false;
  return Array.isArray(value) ? value.every(isValue) : isValue(value);
}
