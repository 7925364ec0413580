import { resolve } from 'node:path';
import { systemRandom } from '../../value/chance.js';
import { systemClock } from '../../value/clock.js';
import { InvalidOptionError } from '../../value/errors.js';
import { KnownOptions } from '../../value/known-options.js';
import type { Shard, Store, StoreCapabilities } from '../store.js';
import { readBufferBytes } from './environment.js';
import { FolderShard } from './folder-shard.js';
import type { FolderShardTuning } from './folder-shard.js';

export interface DiskStoreOptions {
  /** The folder to keep the database in; it is created. One host's disk: LMDB doesn't work on network file systems. */
  readonly directory: string;
  /**
   * Bytes of the database file before the oldest items go. Default 1 GiB, at least 1 MiB. A single item: an eighth, at most 16 MiB. The file never shrinks. Once it
   * is larger than one and a half times that, it is discarded, and the store starts empty.
   */
  readonly maxBytes?: number;
}

/** What tests set and users don't. */
export interface DiskStoreTuning extends Partial<Omit<FolderShardTuning, 'maxBytes'>> {
  /** The database is somebody else's: it has no bound from here, nobody takes care of it, and none is started anew. `maxBytes` says nothing. */
  readonly visits?: boolean;
  readonly maxItemBytes?: number;
}

const minMaxBytes = 2 ** 20;

/**
 * A store in a folder of this host, shared by all processes that name the same directory; it outlives them. Needs the package `lmdb`.
 *
 * Reads come from memory that the processes share: no await on the disk, and no waiting for a writer. A write resolves when every
 * process can read it. Killing a process at any time loses nothing that was acknowledged; a power cut, or a reset of the
 * machine, may lose everything (it then starts empty rather than with deleted items back). A folder that can't be
 * used is no error of `open`: operations reject with StoreUnavailableError, a fault is reported once, and it joins when it can.
 *
 * @throws InvalidOptionError
 */
export function diskStore(options: DiskStoreOptions): Store {
  known.check(options);
  return new DiskStore(options);
}

const known = KnownOptions.of<DiskStoreOptions>('diskStore()', { directory: true, maxBytes: true });

export class DiskStore implements Store {
  readonly name = 'disk';
  readonly capabilities: StoreCapabilities = {
    reach: 'host',
    atomic: true,
    durable: true,
    touch: true,
    clockResolutionMs: 1,
    keepsDeadlines: true,
  };
  readonly shards: readonly [FolderShard];

  constructor({ directory, maxBytes = 2 ** 30 }: DiskStoreOptions, tuning: DiskStoreTuning = {}) {
    if (typeof directory !== 'string' || directory.trim() === '' || directory.includes('\0')) {
      throw new InvalidOptionError('diskStore.directory', 'it is not a path', 'Give the path of a folder.');
    }
    if (!Number.isSafeInteger(maxBytes) || maxBytes < minMaxBytes) {
      throw new InvalidOptionError(
        'diskStore.maxBytes',
        `${String(maxBytes)} is not a size`,
        `Give whole bytes, ${minMaxBytes} (1 MiB) or more.`,
      );
    }
    // A record and its head fit into lmdb's buffer.
    const largest = Math.min(readBufferBytes - 2 ** 10, Math.floor(maxBytes / 8));
    const {
      visits = false,
      maxItemBytes = largest,
      clock = systemClock,
      random = systemRandom,
      deadlineMs = 500,
      careEachMs = 1_000,
      waitsForOpeners = true,
      without,
      openWithinMs = 5_000,
    } = tuning;
    const shard = new FolderShard(resolve(directory), Math.min(maxItemBytes, largest), {
      maxBytes: visits ? Infinity : maxBytes,
      clock,
      random,
      deadlineMs,
      careEachMs,
      waitsForOpeners,
      without,
      openWithinMs,
    });
    this.shards = [shard];
  }

  shardOf(): Shard {
    return this.shards[0];
  }

  open(): Promise<void> {
    return this.shards[0].open();
  }

  close(): Promise<void> {
    return this.shards[0].close();
  }
}
