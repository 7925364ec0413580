import type { ObjectStore } from '../object/object-store.js';
import type { Clock } from '../value/clock.js';
import { chunkBytes } from './document-chunks.js';
import { DocumentDamagedError } from './document-errors.js';
import type { DocumentServer, StandingDocument } from './document-server.js';
import { ObjectDeadline } from './object-deadline.js';

export interface BackupSettings {
  /** How long a document stays in Redis once it is backed up and nobody needs its room. */
  readonly lifeMs: number;
  /** How long an upload may take. */
  readonly uploadTimeoutMs: number;
}

/** Of an object's metadata: the SHA-256 of the document, in hexadecimal. Object stores know no checksum of what was uploaded in parts. */
export const sha256Name = 'sha256';

/** How long whoever waits for Redis alone waits for the object store besides. */
const tidyingMs = 5_000;

/** Another revision was written, or it was deleted: there is nothing more to upload of this one. */
class SupersededError extends Error {}

/** The way of a document from Redis to the object store, step by step. A process that ends between two of them leaves what `upload` can begin again with. */
export class DocumentBackup {
  readonly deadline: ObjectDeadline;
  private readonly tidying: ObjectDeadline;

  constructor(
    readonly server: DocumentServer,
    readonly objects: ObjectStore,
    clock: Clock,
    private readonly settings: BackupSettings,
  ) {
    this.deadline = new ObjectDeadline(clock, objects.name, settings.uploadTimeoutMs);
    this.tidying = new ObjectDeadline(clock, objects.name, Math.min(tidyingMs, settings.uploadTimeoutMs));
  }

  /**
   * 1. The revision that stands goes to the object store, under a key of its own: no late upload of an earlier one overwrites it.
   * 2. Earlier revisions go. If one of them is greater, which another server has drawn, it gets a greater one, and goes there again.
   * 3. It may be evicted from now on, if it still is the one that stands.
   *
   * @param mayBeThere somebody else may have uploaded it: the object store is asked first.
   * @returns the revision that arrived, also where another one stands by now; undefined where none stands, or another one does before it has arrived.
   * @throws ObjectStoreUnavailableError, StoreUnavailableError, DocumentDamagedError
   */
  upload(id: string, mayBeThere = false): Promise<string | undefined> {
    return this.deadline.of(`document ${id}`, (signal) => this.uploadBy(id, mayBeThere, signal));
  }

  /**
   * Uploads until the object store has this revision or one that has replaced it, or it was deleted.
   * @throws as `upload`; StoreUnavailableError where Redis has lost it, as a replica that took over.
   */
  secure(id: string, revision: string): Promise<void> {
    return this.deadline.of(`document ${id}`, async (signal) => {
      for (let mayBeThere = false; ; mayBeThere = true) {
        const arrived = await this.uploadBy(id, mayBeThere, signal);
        if (arrived && arrived >= revision) return;
        const { document, floor } = await this.server.look(id);
        if (floor >= revision) return;
        // Somebody else has uploaded it, and it was evicted.
        if (!document && (await this.revisions(id, signal)).includes(revision)) return;
        if (!document || document.revision < revision) throw this.server.lost();
      }
    });
  }

  private async uploadBy(id: string, mayBeThere: boolean, signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const { document } = await this.server.look(id);
      if (!document) {
        await this.server.reconcile(id);
        return undefined;
      }
      const { revision } = document;
      const isThere = mayBeThere && (await this.holds(id, document, signal));
      if (!isThere && !(await this.put(id, document, signal))) return undefined;
      if ((await this.pruneBy(id, signal)).isOutdone) continue;
      if (await this.server.release(id, revision, this.settings.lifeMs)) return revision;
      // It may have been deleted since: its object is in nobody's list.
      if ((await this.pruneBy(id, signal)).isOutdone) continue;
      return revision;
    }
  }

  /**
   * Removes what is no longer true, and all but the latest of the rest. A revision in Redis that is earlier than the latest object goes as well: a restored
   * backup or a replica has brought it, or the process that wrote the later one past Redis has ended before it could say so. What was written or deleted on
   * the server that answers is the last word, and gets a later revision instead. So does what a restored backup has brought back after it was deleted.
   *
   * @returns the latest revision in the object store.
   */
  prune(id: string, given?: AbortSignal): Promise<string> {
    return this.deadline.of(`document ${id}`, async (signal) => (await this.pruneBy(id, signal)).latest, given);
  }

  /** Prunes for whoever has what they want without it. What is left behind is invisible: the next revision takes it along, or a sweep. */
  async tidy(id: string): Promise<void> {
    await this.tidying.of(`document ${id}`, (signal) => this.pruneBy(id, signal)).catch(() => {});
  }

  private async pruneBy(id: string, signal: AbortSignal): Promise<{ latest: string; isOutdone: boolean }> {
    // The floor is read first: what is below it by then can't become true again.
    const { document, floor, isLast } = await this.server.look(id);
    const revisions = await this.revisions(id, signal);
    const latest = revisions.at(-1) ?? '';
    const isEarlier = document ? document.revision < latest : isLast && floor < latest;
    // A restore has brought back what was deleted since, and no later object is true.
    const isBack = document !== undefined && document.revision <= floor && latest <= floor;
    const isOutdone = isBack
      ? await this.server.outlive(id)
      : isEarlier && isLast && (await this.server.outdo(id, latest));
    if (document && isEarlier && !isOutdone) await this.server.passBy(id, latest);
    const lasting = isOutdone && !document ? (await this.server.look(id)).floor : floor;
    for (const revision of revisions) {
      if (revision <= lasting || revision < latest) {
        await this.objects.remove(this.server.names.object(id, revision), { signal });
      }
    }
    return { latest, isOutdone };
  }

  /** @returns in ascending order. */
  async revisions(id: string, signal?: AbortSignal): Promise<string[]> {
    const { names } = this.server;
    const found: string[] = [];
    for await (const { key } of this.objects.list(names.objects(id), signal && { signal })) {
      const revision = names.revisionOf(id, key);
      if (revision) found.push(revision);
    }
    return found.sort();
  }

  private async holds(id: string, { revision, size }: StandingDocument, signal: AbortSignal): Promise<boolean> {
    const head = await this.objects.head(this.server.names.object(id, revision), { signal });
    return head?.size === size;
  }

  /** @returns whether it arrived. */
  private async put(id: string, { revision, size, sha256 }: StandingDocument, signal: AbortSignal): Promise<boolean> {
    const key = this.server.names.object(id, revision);
    try {
      const expected = sha256.toString('hex');
      const metadata = { [sha256Name]: expected };
      const written = await this.objects.put(key, this.parts(id, revision, size), { size, metadata, signal });
      if (written.sha256 === expected) return true;
      await this.objects.remove(key, { signal });
      throw new DocumentDamagedError(id, 'its bytes in Redis are not those that were written');
    } catch (error) {
      if (error instanceof SupersededError) return false;
      throw error;
    }
  }

  private async *parts(id: string, revision: string, size: number): AsyncGenerator<Buffer, void> {
    for (let at = 0; at < size; at += chunkBytes) {
      const bytes = await this.server.read(id, revision, at, Math.min(at + chunkBytes, size));
      if (!bytes) throw new SupersededError();
      yield bytes;
    }
  }
}
