import { chunked } from '../object/chunked.js';
import { IncomingBody } from '../object/incoming-body.js';
import type { ObjectBody } from '../object/object-store.js';
import { KnownOptions } from '../value/known-options.js';
import { sha256Name } from './document-backup.js';
import type { DocumentBackup } from './document-backup.js';
import { chunkBytes } from './document-chunks.js';
import { headBytes } from './document-head.js';
import { FullError } from './document-server.js';
import type { Stage } from './document-server.js';

export interface PutDocumentOptions {
  /** Bytes of the source; another number is refused. What is known to be too large for Redis does not go there first. Default: not known. */
  readonly size?: number;
  readonly signal?: AbortSignal | undefined;
}

const knownOptions = KnownOptions.of<PutDocumentOptions>('put()', { size: true, signal: true });

/** A document that was written. */
export interface WrittenDocument {
  /** Of two revisions of a document, the later one is the greater text. */
  readonly revision: string;
  readonly size: number;
  /** In lower-case hexadecimal. */
  readonly sha256: string;
  /** Where it is now: `redis`, from where it is backed up; `objects` where it was too large, or Redis had no room. */
  readonly where: 'redis' | 'objects';
}

export interface WriteSettings {
  /** Larger documents go to the object store. */
  readonly maxBytes: number;
  /** How many bytes may wait in Redis for their backup. */
  readonly budget: () => Promise<number>;
}

/** Brings documents in: whole, in chunks, or past Redis. */
export class DocumentWrites {
  constructor(
    private readonly backup: DocumentBackup,
    private readonly settings: WriteSettings,
  ) {}

  async put(id: string, source: ObjectBody, options: PutDocumentOptions): Promise<WrittenDocument> {
    const incoming = new IncomingBody(id, source, options);
    const pieces = chunked(incoming.chunks(), chunkBytes);
    try {
      knownOptions.check(options);
      this.backup.server.names.document(id);
      const budget = await this.settings.budget();
      if ((options.size ?? 0) > this.settings.maxBytes) return await this.putPast(id, pieces, options.signal);
      const first = await next(pieces);
      const second = first.length === chunkBytes ? await next(pieces) : none;
      if (second.length > 0) return await this.putStaged(id, [first, second], pieces, incoming, budget, options.signal);
      const sha256 = incoming.sha256();
      const revision =
        first.length > this.settings.maxBytes ? undefined : await this.putWhole(id, sha256, first, budget);
      if (!revision) return await this.putPast(id, [first], options.signal, { [sha256Name]: sha256 });
      return { revision, size: incoming.size, sha256, where: 'redis' };
    } finally {
      incoming.release();
    }
  }

  private async putWhole(id: string, sha256: string, body: Buffer, budget: number): Promise<string | undefined> {
    try {
      return await this.backup.server.putWhole(id, Buffer.from(sha256, 'hex'), body, budget);
    } catch (error) {
      if (error instanceof FullError) return undefined;
      throw error;
    }
  }

  private async putStaged(
    id: string,
    begun: readonly Buffer[],
    pieces: AsyncIterable<Buffer>,
    incoming: IncomingBody,
    budget: number,
    signal: AbortSignal | undefined,
  ): Promise<WrittenDocument> {
    const { server } = this.backup;
    const stage = server.newStage();
    try {
      const all = joined(begun, pieces);
      for await (const piece of rest(all)) {
        signal?.throwIfAborted();
        if (await this.fits(stage, piece, budget)) continue;
        // What is in Redis by now comes back from there, and the rest follows.
        const whole = joined(server.staged(stage, chunkBytes), [piece], all);
        return await this.putPast(id, whole, signal);
      }
      const sha256 = incoming.sha256();
      const revision = await server.commit(id, stage, Buffer.from(sha256, 'hex'));
      stage.length = 0;
      return { revision, size: incoming.size, sha256, where: 'redis' };
    } finally {
      // Where that fails as well, the sweep finds it.
      if (stage.length > 0) await server.giveUp(stage.name).catch(() => {});
    }
  }

  private async fits(stage: Stage, piece: Buffer, budget: number): Promise<boolean> {
    if (Math.max(0, stage.length - headBytes) + piece.length > this.settings.maxBytes) return false;
    try {
      return (await this.backup.server.append(stage, piece, budget)) === 'appended';
    } catch (error) {
      if (error instanceof FullError) return false;
      throw error;
    }
  }

  /** To the object store at once. The copy in Redis, which is older, goes only after that. @param metadata the SHA-256, where it is known before the last byte. */
  private async putPast(
    id: string,
    body: Iterable<Buffer> | AsyncIterable<Buffer>,
    signal: AbortSignal | undefined,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<WrittenDocument> {
    const { server, objects } = this.backup;
    // What was written here gets its place among the objects first: this one is later than all of them.
    const revision = await server.drawRevision(id, await this.backup.prune(id, signal));
    const key = server.names.object(id, revision);
    const { size, sha256 } = await objects.put(key, joined(body), { metadata, ...(signal && { signal }) });
    await server.passBy(id, revision);
    await this.backup.tidy(id);
    return { revision, size, sha256, where: 'objects' };
  }
}

const none: Buffer = Buffer.alloc(0);

async function next(pieces: AsyncGenerator<Buffer, void>): Promise<Buffer> {
  const { value, done } = await pieces.next();
  return done ? none : value;
}

async function* joined(...sources: (Iterable<Buffer> | AsyncIterable<Buffer>)[]): AsyncGenerator<Buffer, void> {
  for (const source of sources) yield* source;
}

/** The same iterator, which stays usable when the loop over it ends early. */
function rest(pieces: AsyncGenerator<Buffer, void>): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => ({ next: () => pieces.next() }) };
}
