import { versionedKey } from '../key/key.js';
import type { KeyLike } from '../key/key.js';
import type { ObjectStore } from '../object/object-store.js';
import { byteSize } from '../value/byte-size.js';
import type { ByteSize } from '../value/byte-size.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import type { PurgeCarrier } from './file-feed.js';
import { resolve } from 'node:path';

export interface TieredFilesOptions {
  /** Where the files come from. */
  readonly objects: ObjectStore;
  /** The folder for copies, which the processes of this host share. It is created, and readable by its owner only. On a disk, not on a network. */
  readonly directory: string;
  /** Bytes that the copies may take together, unfinished ones included. `'50gb'`. */
  readonly maxBytes: ByteSize;
  /** A larger file is handed through and not kept. Default 250,000,000; never more than a quarter of `maxBytes`. */
  readonly maxFileBytes?: ByteSize;
  /** Bytes of the disk that stay free, whatever `maxBytes` says. 0: not looked at. Default 0. */
  readonly minFree?: ByteSize;
  /**
   * The `TieredCache` whose feed carries purges to other hosts, if its store is one that hosts share. Default: none, and a purge reaches the processes of
   * this host.
   */
  readonly cache?: PurgeCarrier;
  /** The key that stands for a file in the feed. Deleting it anywhere purges the file. Default: `versionedKey('s3_files', uid)`. */
  readonly keyOf?: (uid: string) => KeyLike;
  /** Tells the files of one service from those of another in the same folder. Default: the name of the object store. */
  readonly namespace?: string;
  /** Names it in events and metrics. Default `files`. */
  readonly name?: string;
  /** Downloads of this process at a time; further ones wait for their turn. Default 8. */
  readonly maxConcurrentFills?: number;
  /**
   * Whether a copy is on the platter before it gets its name. False: after a power cut it may be damaged, which its checksums tell before a byte of it
   * is handed out. Default false.
   */
  readonly durable?: boolean;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

export const knownFilesOptions = KnownOptions.of<TieredFilesOptions>('TieredFiles', {
  objects: true,
  directory: true,
  maxBytes: true,
  maxFileBytes: true,
  minFree: true,
  cache: true,
  keyOf: true,
  namespace: true,
  name: true,
  maxConcurrentFills: true,
  durable: true,
  clock: true,
});

export interface ResolvedFilesOptions {
  readonly objects: ObjectStore;
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  readonly minFreeBytes: number;
  readonly cache: PurgeCarrier | undefined;
  readonly keyOf: (uid: string) => KeyLike;
  /** What the texts of all files' keys begin with. Empty: unknown. */
  readonly keyPrefix: string;
  readonly namespace: string;
  readonly name: string;
  readonly maxConcurrentFills: number;
  readonly durable: boolean;
  readonly clock: Clock;
}

const defaultMaxFileBytes = 250_000_000;
/** The first part of files' keys. */
const usualKind = 's3_files';

/** @throws InvalidOptionError naming the option. */
export function resolveFilesOptions(options: TieredFilesOptions): ResolvedFilesOptions {
  knownFilesOptions.check(options);
  const { objects, directory, maxConcurrentFills = 8 } = options;
  if (typeof objects?.open !== 'function') {
    throw new InvalidOptionError('objects', 'it is no object store', 'Give s3ObjectStore() or folderObjectStore().');
  }
  if (typeof directory !== 'string' || directory.trim() === '' || directory.includes('\0')) {
    throw new InvalidOptionError('directory', 'it is not a path', 'Give the path of a folder.');
  }
  if (options.maxBytes === undefined) {
    throw new InvalidOptionError('maxBytes', 'it is missing', "Say what the copies may take, such as '50gb'.");
  }
  const maxBytes = byteSize(options.maxBytes, 'maxBytes');
  if (maxBytes < 2 ** 20) {
    throw new InvalidOptionError('maxBytes', `${maxBytes} bytes are too few`, 'Give 1 MiB or more.');
  }
  if (!Number.isInteger(maxConcurrentFills) || maxConcurrentFills < 1) {
    throw new InvalidOptionError(
      'maxConcurrentFills',
      'it is no number of downloads',
      'Give a whole number from 1 on.',
    );
  }
  const maxFileBytes = byteSize(options.maxFileBytes ?? defaultMaxFileBytes, 'maxFileBytes');
  return {
    objects,
    directory: resolve(directory),
    maxBytes,
    maxFileBytes: Math.min(maxFileBytes, Math.floor(maxBytes / 4)),
    minFreeBytes: byteSize(options.minFree ?? 0, 'minFree'),
    cache: options.cache,
    keyOf: options.keyOf ?? ((uid) => versionedKey(usualKind, uid)),
    keyPrefix: options.keyOf ? '' : `${usualKind}:`,
    namespace: options.namespace ?? objects.name,
    name: options.name ?? 'files',
    maxConcurrentFills,
    durable: options.durable ?? false,
    clock: options.clock ?? systemClock,
  };
}
