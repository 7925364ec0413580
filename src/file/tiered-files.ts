import { fileErrorCode } from '../object/folder-object-file.js';
import { channels, reportFault } from '../value/events.js';
import { unlessAborted } from '../value/unless-aborted.js';
import { explainFile } from './file-explanation.js';
import type { FileExplanation } from './file-explanation.js';
import { FileFeed, fileName } from './file-feed.js';
import { isComparedWith } from './file-header.js';
import { FilePlace, fileId } from './file-place.js';
import { FilePurges } from './file-purges.js';
import { FileReader } from './file-reader.js';
import { assertFileRequest, assertUid } from './file-request.js';
import { FileSources } from './file-sources.js';
import type { Source } from './file-sources.js';
import { checkFiles } from './files-check.js';
import type { FilesReport } from './files-check.js';
import { FilesFolder } from './files-folder.js';
import { usualTuning } from './files-tuning.js';
import type { FilesTuning } from './files-tuning.js';
import { GrowingFile } from './growing-file.js';
import { KeptFile } from './kept-file.js';
import { KeptFiles } from './kept-files.js';
import { openedFile } from './opened-file.js';
import { RefusedFiles } from './refused-files.js';
import type { FileRequest, TieredFile } from './tiered-file.js';
import { resolveFilesOptions } from './tiered-files-options.js';
import type { ResolvedFilesOptions, TieredFilesOptions } from './tiered-files-options.js';

/** So often a file is looked for again that was purged while it was found, or while another row of it was looked for. */
const maxLooks = 5;

/** A search under way. */
interface Search {
  readonly place: FilePlace;
  readonly request: FileRequest;
  readonly source: Promise<Source>;
}

/**
 * Files of an object store, read through a folder of this host that its processes share. Of all that ask for a file at once one downloads it, and the
 * others read behind it. A folder that is full, damaged or gone costs downloads, never an answer.
 *
 * A purge can't be undone by a download that began before it.
 *
 * @example
 * const files = new TieredFiles({ objects: s3ObjectStore({ client, bucket }), directory: '/var/cache/media', maxBytes: '50gb' });
 * const file = await files.open({ uid: row.uid, key: row.key, size: row.file_size, sha256: row.sha256 });
 * await pipeline(file.stream(), response);
 */
export class TieredFiles {
  readonly name: string;
  private readonly options: ResolvedFilesOptions;
  private readonly tuning: FilesTuning;
  private readonly folder: FilesFolder;
  private readonly keptFiles: KeptFiles;
  private readonly sources: FileSources;
  private readonly reader: FileReader;
  private readonly purges: FilePurges;
  private readonly refused: RefusedFiles;
  private readonly feed: FileFeed | undefined;
  private readonly looking = new Map<string, Search>();

  /**
   * @param tuning of tests.
   * @throws InvalidOptionError naming an option that can't be used or does not exist.
   */
  constructor(options: TieredFilesOptions, tuning: Partial<FilesTuning> = {}) {
    this.options = resolveFilesOptions(options);
    this.tuning = { ...usualTuning, ...tuning };
    const { name, clock, cache, objects, keyPrefix } = this.options;
    this.name = name;
    this.folder = new FilesFolder(this.options, this.tuning);
    this.keptFiles = new KeptFiles({
      clock,
      maxOpen: this.tuning.maxOpen,
      onDamage: (place, cause) => this.reportDamage(place.path, cause),
    });
    this.sources = new FileSources(this.options, this.tuning, this.folder, this.keptFiles);
    this.reader = new FileReader({
      objects,
      tuning: this.tuning,
      find: (range) => this.find(this.placeOf(range.uid), range),
      refusing: ({ uid, key }, ask) => this.refused.remembering(this.placeOf(uid).id, key, ask),
      onBadCopy: async (copy, cause) => {
        this.reportDamage(copy.header.uid, cause);
        await this.purgeHere(this.placeOf(copy.header.uid)).catch(() => undefined);
      },
    });
    this.purges = new FilePurges(this.folder, this.tuning);
    this.refused = new RefusedFiles(clock, this.tuning.negativeMs);
    this.feed =
      cache &&
      new FileFeed(cache, keyPrefix, {
        named: (file) => void this.purgeHere(this.placeNamed(file)).catch(() => undefined),
        missed: () => this.distrust(),
      });
  }

  /**
   * Opens a file. Its size and ETag are known then, whether its bytes have come or not.
   *
   * @throws ObjectNotFoundError, ObjectDeniedError, ObjectArchivedError: remembered for 5 s · ObjectStoreUnavailableError · InvalidOptionError for a
   * request that names no file · the reason of `signal`.
   */
  async open(
    request: FileRequest,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<TieredFile> {
    assertFileRequest(request);
    signal?.throwIfAborted();
    const place = this.placeOf(request.uid);
    const refusal = this.refused.of(place.id);
    if (refusal?.key === request.key) throw refusal.error;
    return this.refused.remembering(place.id, request.key, async () => {
      const file = openedFile(request, await unlessAborted(this.find(place, request), signal), this.reader);
      const { source } = file;
      if (channels.fileOpened.hasSubscribers)
        channels.fileOpened.publish({ cache: this.name, key: request.uid, source });
      return file;
    });
  }

  /**
   * Takes the copies of a file away: on this host at once, the unfinished ones too, so that no download that began earlier becomes a copy. With a
   * `cache` whose store is shared, those of all hosts that read its feed; without, or with a store of this host alone, those of this host. Readers that
   * have begun go on. A power cut brings no purged copy back into use.
   *
   * @returns false: the other hosts were not told yet; they are as soon as the store can be reached.
   * @throws what the file system says, when a copy can't be removed, or a removal can't be made to last.
   */
  async purge({ uid }: { readonly uid: string }): Promise<boolean> {
    assertUid(uid);
    const told = this.feed?.tell(this.options.keyOf(uid));
    told?.catch(() => undefined);
    const place = this.placeOf(uid);
    await this.purgeHere(place);
    // With a feed each start asks the object store for what may be back.
    if (!this.feed) await this.purges.makeLasting(place);
    if (channels.filePurged.hasSubscribers) channels.filePurged.publish({ cache: this.name, key: uid });
    return (await told) ?? true;
  }

  /** Where the file is on this host, and why it is not where it is not. For people. */
  async explain({ uid }: { readonly uid: string }): Promise<FileExplanation> {
    assertUid(uid);
    const place = this.placeOf(uid);
    const kept = this.keptFiles.peek(place);
    return explainFile(uid, place, {
      folder: this.folder,
      isConfirmed: !this.feed || kept?.isConfirmed === true,
      refused: this.refused.of(place.id)?.error.message,
    });
  }

  /**
   * Reads every copy and compares its checksums.
   * @param repair whether what is damaged is removed. Default false.
   */
  async check({ repair = false }: { readonly repair?: boolean } = {}): Promise<FilesReport> {
    return checkFiles(this.folder, { repair, clock: this.options.clock });
  }

  /** For dashboards. `usedBytes` counts what is reserved for downloads as well. */
  async status(): Promise<{
    readonly directory: string;
    readonly isUsable: boolean;
    readonly usedBytes: number;
    readonly maxBytes: number;
    readonly fills: number;
  }> {
    const { directory, maxBytes } = this.options;
    const isUsable = await this.folder.isUsable();
    const usedBytes = isUsable ? await this.folder.room.used() : 0;
    return { directory, isUsable, usedBytes, maxBytes, fills: this.sources.fillsNow };
  }

  /** Ends downloads, whose unfinished files others go on with, and closes what is open. Streams that are read end with an error or from elsewhere. */
  async close(): Promise<void> {
    this.feed?.close();
    await this.sources.close();
    this.keptFiles.close();
    await this.folder.close();
  }

  private placeOf(uid: string): FilePlace {
    return this.placeNamed(fileName(this.options.keyOf(uid), this.options.cache));
  }

  private placeNamed(name: string): FilePlace {
    return new FilePlace(this.folder.root, fileId(this.options.namespace, name));
  }

  private async find(place: FilePlace, request: FileRequest): Promise<Source> {
    if (!(await this.folder.isUsable())) return this.sources.trust.head(request);
    try {
      for (let look = 0; look < maxLooks; look++) {
        await this.purges.of(place);
        const kept = await this.servable(place, request);
        if (kept) return kept;
        const found = await this.lookOnce(place, request);
        // Another process may have made a whole copy for another row: it is compared as copies are.
        if (!found || found instanceof KeptFile) continue;
        // A purge may have come since it was looked for by the one whose search this joined.
        if (!(found instanceof GrowingFile) || (await found.isCurrent())) return found;
        this.sources.drop(place);
      }
    } catch (error) {
      const code = fileErrorCode(error);
      if (code === undefined) throw error;
      this.folder.failed(error);
    }
    return this.sources.trust.head(request);
  }

  /** Callers of one process share a search if their rows say the same. `undefined`: one for another row was under way, and has ended. */
  private async lookOnce(place: FilePlace, request: FileRequest): Promise<Source | undefined> {
    const known = this.looking.get(place.id);
    if (known) {
      if (known.request.key === request.key && known.request.sha256 === request.sha256) return known.source;
      await known.source.catch(() => undefined);
      return undefined;
    }
    const source = this.sources.find(place, request).finally(() => {
      if (this.looking.get(place.id) === search) this.looking.delete(place.id);
    });
    const search = { place, request, source };
    this.looking.set(place.id, search);
    return source;
  }

  /** The whole copy, if it is what the row says, and no purge of it may have been missed. */
  private async servable(place: FilePlace, { key, sha256 }: FileRequest): Promise<KeptFile | undefined> {
    const kept = await this.keptFiles.find(place);
    if (!kept) return undefined;
    const { header } = kept;
    if (isComparedWith(header, sha256) && (!this.feed || kept.isConfirmedFor(key) || (await this.confirm(kept, key))))
      return kept;
    await this.purgeHere(place);
    return undefined;
  }

  private confirm(kept: KeptFile, key: string): Promise<boolean> {
    return kept.confirm(key, async () => (await this.options.objects.head(key))?.etag === kept.header.etag);
  }

  /** Purges may have been missed: copies have to be confirmed again, and whoever comes now reads behind no download that began before. */
  private distrust(): void {
    this.keptFiles.distrust();
    this.sources.trust.distrust();
    this.refused.forgetAll();
    for (const { place } of [...this.looking.values(), ...this.sources.growingFiles]) {
      void this.purgeHere(place).catch(() => undefined);
    }
  }

  private purgeHere(place: FilePlace): Promise<void> {
    this.refused.forget(place.id);
    this.looking.delete(place.id);
    this.sources.drop(place);
    this.keptFiles.forget(place);
    return this.purges.purge(place);
  }

  private reportDamage(what: string, cause: unknown): void {
    const message = `The copy of ${what} on this host is not what it should be. It was removed, and is downloaded anew.`;
    reportFault({ source: this.name, kind: 'damaged', message, cause });
  }
}
