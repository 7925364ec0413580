import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { chunked } from '../object/chunked.js';
import { ObjectNotFoundError } from '../object/object-errors.js';
import type { ByteRange, OpenedObject } from '../object/object-store.js';
import { PulledBody } from '../object/pulled-body.js';
import { comparedBody } from './compared-body.js';
import { sha256Name } from './document-backup.js';
import type { DocumentBackup } from './document-backup.js';
import { chunkBytes } from './document-chunks.js';
import { DocumentChangedError, DocumentDamagedError } from './document-errors.js';
import type { StandingDocument } from './document-server.js';
import type { DocumentCopy } from './document-copy.js';

/** A document that is being read. */
export interface OpenedDocument {
  readonly revision: string;
  /** Bytes of `body`. */
  readonly size: number;
  /** Where it was found. */
  readonly where: 'redis' | 'objects';
  /**
   * The bytes of this revision. It ends only when all have come; else it fails: with DocumentChangedError, DocumentDamagedError, StoreUnavailableError, or
   * what the object store's body fails with. Read it to its end or destroy it, which lets go of the object store at once.
   */
  readonly body: Readable;
}

/** How often a document is looked for anew that was replaced between the look and the opening. */
const maxLooks = 5;

/** Hands documents out: from Redis, and from the object store where they were evicted. */
export class DocumentReads {
  constructor(
    private readonly backup: DocumentBackup,
    /** Brings back to Redis what was read from the object store; undefined: nothing is brought back. */
    private readonly copies: () => DocumentCopy | undefined,
  ) {}

  async open(id: string, signal?: AbortSignal): Promise<OpenedDocument | undefined> {
    for (let looks = 1; ; looks++) {
      signal?.throwIfAborted();
      const { document, floor, isLast, at } = await this.backup.server.look(id, chunkBytes);
      if (document) return this.fromRedis(id, document, signal);
      // It was deleted here.
      if (isLast) return undefined;
      // Only Redis knows of what is not backed up. It has answered that there is none: the latest object is the document.
      const revision = (await this.backup.revisions(id, signal)).at(-1);
      if (!revision || revision <= floor) return undefined;
      try {
        return await this.fromObjects(id, revision, at, signal);
      } catch (error) {
        if (!(error instanceof ObjectNotFoundError) || looks === maxLooks) throw error;
      }
    }
  }

  private fromRedis(id: string, document: StandingDocument, signal: AbortSignal | undefined): OpenedDocument {
    const { revision, size } = document;
    const body = new PulledBody((ending) => this.parts(id, document, ending), signal);
    return { revision, size, where: 'redis', body };
  }

  /** Each part is asked for by its revision. What was replaced or evicted meanwhile goes on from the object store, if that has it. */
  private async *parts(
    id: string,
    { revision, size, sha256, first }: StandingDocument,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    const hash = createHash('sha256');
    const assertWhole = (at: number): void => {
      if (at < size || hash.digest().equals(sha256)) return;
      throw new DocumentDamagedError(id, 'its bytes in Redis are not those that were written');
    };
    let at = Math.min(first.length, size);
    hash.update(first);
    assertWhole(at);
    if (at > 0) yield first;
    while (at < size) {
      const bytes = await this.backup.server.read(id, revision, at, Math.min(at + chunkBytes, size));
      if (!bytes) {
        for await (const piece of await this.remainder(id, revision, { start: at, end: size - 1 }, signal)) {
          hash.update(piece);
          at += piece.length;
          assertWhole(at);
          yield piece;
        }
        if (at < size) throw new DocumentDamagedError(id, `its bytes in the object store end at ${at} of ${size}`);
        return;
      }
      hash.update(bytes);
      at += bytes.length;
      assertWhole(at);
      yield bytes;
    }
  }

  private async remainder(
    id: string,
    revision: string,
    range: ByteRange,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    try {
      const key = this.backup.server.names.object(id, revision);
      const { body } = await this.backup.objects.open(key, { range, signal });
      return body as AsyncIterable<Buffer>;
    } catch (error) {
      if (error instanceof ObjectNotFoundError) throw new DocumentChangedError(id, { cause: error });
      throw error;
    }
  }

  private async fromObjects(
    id: string,
    revision: string,
    lookedAt: string,
    signal?: AbortSignal,
  ): Promise<OpenedDocument> {
    const key = this.backup.server.names.object(id, revision);
    const opened: OpenedObject = await this.backup.objects.open(key, signal && { signal });
    const { size } = opened;
    const sha256 = opened.metadata[sha256Name];
    const whole = sha256 === undefined ? opened.body : comparedBody(id, opened.body, sha256);
    const copy = this.copies();
    if (!copy?.mayKeep(size)) return { revision, size, where: 'objects', body: whole };
    const body = new PulledBody(() => kept(whole, copy, id, revision, lookedAt), signal);
    whole.on('error', () => undefined); // whoever reads `body` is told; a signal may end this one before anybody does
    body.once('close', () => whole.destroy());
    return { revision, size, where: 'objects', body };
  }
}

/** The pieces as they pass; a copy of them becomes the document in Redis once all have. */
async function* kept(
  source: Readable,
  copies: DocumentCopy,
  id: string,
  revision: string,
  lookedAt: string,
): AsyncGenerator<Buffer, void, undefined> {
  const copy = copies.begin();
  try {
    for await (const piece of chunked(source as AsyncIterable<Buffer>, chunkBytes)) {
      await copy.add(piece);
      yield piece;
    }
    await copy.keep(id, revision, lookedAt);
  } finally {
    await copy.giveUp();
  }
}
