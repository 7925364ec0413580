import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { assertObjectKey, assertObjectPrefix } from '../key/object-key.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { InvalidOptionError, TieredCacheError } from '../value/errors.js';
import { knownCallOptions } from './known-call-options.js';
import { KnownOptions } from '../value/known-options.js';
import { resolveByteRange } from './byte-range.js';
import {
  fileErrorCode,
  namesIn,
  objectPieces,
  openObjectFile,
  syncFolders,
  syncRemoval,
} from './folder-object-file.js';
import type { OpenedFile } from './folder-object-file.js';
import { encodeFooter } from './folder-object-footer.js';
import type { FoundObject } from './folder-object-footer.js';
import { IncomingBody } from './incoming-body.js';
import { compareKeys, listedObject } from './listed-object.js';
import {
  ObjectChangedError,
  ObjectDamagedError,
  ObjectExistsError,
  ObjectNotFoundError,
  ObjectOperationError,
  ObjectStoreUnavailableError,
} from './object-errors.js';
import { assertContentType, assertMetadata } from './object-metadata.js';
import type {
  ListedObject,
  ListOptions,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  OpenOptions,
  PresignedRequest,
  PutObject,
  PutOptions,
} from './object-store.js';
import { outgoingBody } from './outgoing-body.js';

export interface FolderObjectStoreOptions {
  /** The folder to keep the objects in. It is created, readable by its owner only. Several processes may share it. */
  readonly directory: string;
  /** Dates `lastModified`. Default: the system's clock. */
  readonly clock?: Clock;
}

/**
 * Objects in a folder of this host: for development, tests and small installations. It holds to the whole contract but for links
 * (`presigns` is false). A file's name is a digest of the key, so that no key reaches a path, and two keys that differ in case only stay two.
 *
 * A file gets its name by a rename once it is whole and synced, and its folder is synced after that, as it is after a removal; readers of an older object keep its bytes. `list` reads the end of every file: it
 * is for thousands of objects, not for millions. Half files of killed processes stay in `incoming/` and may be deleted while nobody writes.
 *
 * @throws InvalidOptionError
 * @example const store = folderObjectStore({ directory: 'data/objects' });
 */
export function folderObjectStore(options: FolderObjectStoreOptions): ObjectStore {
  knownOptions.check(options);
  return new FolderObjectStore(options);
}

const knownOptions = KnownOptions.of<FolderObjectStoreOptions>('folderObjectStore()', { directory: true, clock: true });

type WrittenFacts = Pick<ObjectHead, 'contentType' | 'metadata'>;

class FolderObjectStore implements ObjectStore {
  readonly name: string;
  readonly presigns = false;
  private readonly objects: string;
  private readonly incoming: string;
  private readonly clock: Clock;

  constructor({ directory, clock = systemClock }: FolderObjectStoreOptions) {
    if (typeof directory !== 'string' || directory.trim() === '' || directory.includes('\0')) {
      throw new InvalidOptionError('folderObjectStore.directory', 'it is not a path', 'Give the path of a folder.');
    }
    const root = resolve(directory);
    this.name = `folder ${root}`;
    this.objects = join(root, 'objects-v1');
    this.incoming = join(root, 'incoming');
    this.clock = clock;
  }

  async open(key: string, options: OpenOptions = {}): Promise<OpenedObject> {
    knownCallOptions.open.check(options);
    const { range, ifMatch, verify = true, signal } = options;
    assertObjectKey(key);
    const opened = await this.#find(key, signal);
    if (!opened) throw new ObjectNotFoundError(key);
    const { file, head } = opened;
    try {
      signal?.throwIfAborted();
      if (ifMatch !== undefined && ifMatch !== head.etag) throw new ObjectChangedError(key);
      const found = resolveByteRange(key, range, head.size);
      const isWhole = found.start === 0 && found.end === head.size - 1;
      const expected = verify && isWhole ? head.checksum?.hex : undefined;
      return {
        ...head,
        range: found,
        body: outgoingBody(
          objectPieces(key, file, found, expected),
          signal,
          () => void file.close().catch(() => undefined),
        ),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async head(
    key: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ObjectHead | undefined> {
    knownCallOptions.head.check(options);
    const { signal } = options;
    assertObjectKey(key);
    const opened = await this.#find(key, signal);
    await opened?.file.close();
    signal?.throwIfAborted();
    return opened?.head;
  }

  async put(key: string, body: ObjectBody, options: PutOptions = {}): Promise<PutObject> {
    const incoming = new IncomingBody(key, body, options);
    const part = join(this.incoming, `${randomUUID()}.part`);
    try {
      knownCallOptions.put.check(options);
      assertObjectKey(key);
      assertContentType(options.contentType);
      const metadata = assertMetadata(options.metadata);
      options.signal?.throwIfAborted();
      const { contentType } = options;
      const facts = { ...(contentType !== undefined && { contentType }), metadata };
      const sha256 = await this.#write(key, part, incoming, facts);
      options.signal?.throwIfAborted();
      await this.#guarded(() => this.#publish(key, part, options.only));
      return { key, size: incoming.size, etag: `"${sha256}"`, sha256 };
    } finally {
      incoming.release();
      await rm(part, { force: true }).catch(() => undefined);
    }
  }

  async remove(key: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    knownCallOptions.remove.check(options);
    const { signal } = options;
    assertObjectKey(key);
    signal?.throwIfAborted();
    await this.#guarded(() => this.#unpublish(key));
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
    knownCallOptions.list.check(options);
    const { after, signal } = options;
    assertObjectPrefix(prefix);
    if (after !== undefined) assertObjectKey(after);
    signal?.throwIfAborted();
    const found: FoundObject[] = [];
    for (const path of await this.#guarded(() => this.#paths())) {
      signal?.throwIfAborted();
      const opened = await this.#guarded(() => openObjectFile(path));
      await opened?.file.close();
      if (opened?.key.startsWith(prefix)) found.push(opened);
    }
    for (const { key, head } of found.sort((one, other) => compareKeys(one.key, other.key))) {
      signal?.throwIfAborted();
      if (after === undefined || compareKeys(key, after) > 0) yield listedObject(key, head);
    }
  }

  async presign(): Promise<PresignedRequest> {
    throw new ObjectOperationError(this.name, 'links', 'Serve the object through a route of your own.');
  }

  #pathOf(key: string): string {
    const digest = createHash('sha256').update(key).digest('hex');
    return join(this.objects, digest.slice(0, 2), digest.slice(2));
  }

  async #find(key: string, signal: AbortSignal | undefined): Promise<OpenedFile | undefined> {
    signal?.throwIfAborted();
    const opened = await this.#guarded(() => openObjectFile(this.#pathOf(key)));
    if (!opened || opened.key === key) return opened;
    await opened.file.close();
    throw new ObjectDamagedError(key, 'its file holds the object of another key');
  }

  async #write(key: string, part: string, incoming: IncomingBody, facts: WrittenFacts): Promise<string> {
    const file = await this.#guarded(async () => {
      const created = await mkdir(this.incoming, { recursive: true, mode: 0o700 });
      if (created !== undefined) await syncFolders(dirname(this.incoming), dirname(created));
      return open(part, 'wx', 0o600);
    });
    try {
      for await (const chunk of incoming.chunks()) await this.#guarded(() => file.writeFile(chunk));
      const sha256 = incoming.sha256();
      const footer = encodeFooter(
        key,
        { ...facts, size: incoming.size, lastModified: new Date(this.clock.now()) },
        sha256,
      );
      await this.#guarded(async () => {
        await file.writeFile(footer);
        await file.datasync();
      });
      return sha256;
    } finally {
      await file.close();
    }
  }

  /** A link refuses to replace a file, a rename does so in one step. */
  async #publish(key: string, part: string, only: PutOptions['only']): Promise<void> {
    const path = this.#pathOf(key);
    const folder = dirname(path);
    const created = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (only !== 'absent') await rename(part, path);
    else {
      await link(part, path).catch((error: unknown) => {
        throw fileErrorCode(error) === 'EEXIST' ? new ObjectExistsError(key) : error;
      });
    }
    await syncFolders(folder, created === undefined ? folder : dirname(created));
  }

  /** The folder is synced also where there is nothing to remove: an earlier removal may have failed before its sync. */
  async #unpublish(key: string): Promise<void> {
    const path = this.#pathOf(key);
    const folder = dirname(path);
    await rm(path, { force: true });
    await syncRemoval(folder);
  }

  /** Of files whose names are such as {@link #pathOf} makes. What others have put beside them is no object. */
  async #paths(): Promise<string[]> {
    const folders = (await namesIn(this.objects)).filter((name) => /^[0-9a-f]{2}$/.test(name));
    const paths = await Promise.all(
      folders.map(async (folder) => {
        const names = (await namesIn(join(this.objects, folder))).filter((name) => /^[0-9a-f]{62}$/.test(name));
        return names.map((name) => join(this.objects, folder, name));
      }),
    );
    return paths.flat();
  }

  /** What the file system says is said in the contract's words. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = fileErrorCode(error);
      if (error instanceof TieredCacheError || code === undefined) throw error;
      throw new ObjectStoreUnavailableError(this.name, `the file system says ${code}`, { cause: error });
    }
  }
}
