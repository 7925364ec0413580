import type { ObjectStore } from '../object/object-store.js';
import { redisConnectionOptions } from '../store/redis/redis-options.js';
import type { RedisConnectionOptions } from '../store/redis/redis-options.js';
import { byteSize } from '../value/byte-size.js';
import type { ByteSize } from '../value/byte-size.js';
import { systemClock } from '../value/clock.js';
import type { Clock } from '../value/clock.js';
import { milliseconds } from '../value/duration.js';
import type { Duration } from '../value/duration.js';
import { InvalidOptionError } from '../value/errors.js';
import { KnownOptions } from '../value/known-options.js';
import { serverLifeMs } from '../value/server-life.js';

export interface RedisDocumentsOptions {
  /** Where Redis is. Not a Cluster. `commandTimeout` defaults to 5 s and `connectTimeout` to 2 s here: a command carries up to 512 KiB. */
  readonly connection: RedisConnectionOptions;
  /** Where documents are backed up, and where they are read from once they were evicted. */
  readonly objects: ObjectStore;
  /** Larger documents go to the object store at once. Up to 500 MB; 0: all of them do. Default 250 MB. */
  readonly maxBytes?: ByteSize;
  /**
   * How much of Redis may be taken by what can't be evicted: documents that wait for their backup, or come in. What exceeds it goes to the object store at
   * once. Bytes, or a part of `maxmemory` (of the machine's memory where there is no limit). Default 25 %.
   */
  readonly dirtyBudget?: ByteSize | `${number}%`;
  /**
   * When `put` resolves: once the document is in Redis, or only when it is in the object store as well. With `objects`, a rejected `put` may have left
   * the document in Redis, from where it is backed up later. Default `redis`.
   */
  readonly acknowledge?: 'redis' | 'objects';
  /** How long a document that is backed up stays in Redis, where its room is not needed. More than 0. Default 30 days. */
  readonly keepFor?: Duration;
  /** How long an upload may take. More than 0. Objects of deleted documents are looked for again after twice that, and a day later. Default 10 minutes. */
  readonly uploadTimeout?: Duration;
  /** How many uploads run at a time in this process. Default 4. */
  readonly uploadsAtOnce?: number;
  /** How often what other processes left behind is taken up, by one process at a time. 0 or Infinity: only when `sweep` is called. Default 1 minute. */
  readonly sweepEvery?: Duration;
  /** With what keys in Redis begin. Default `documents`. */
  readonly namespace?: string;
  /** With what keys in the object store begin. Default `documents/`. Followed by `id/revision`. */
  readonly objectPrefix?: string;
  /** Told once of each fact of the server that endangers documents: no append-only file, nothing evicted. If it throws, that is a `degraded` fault, and it is told again. Default: `process.emitWarning`. */
  readonly onWarning?: (message: string) => void;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const known = KnownOptions.of<RedisDocumentsOptions>('redisDocuments()', {
  connection: redisConnectionOptions,
  objects: true,
  maxBytes: true,
  dirtyBudget: true,
  acknowledge: true,
  keepFor: true,
  uploadTimeout: true,
  uploadsAtOnce: true,
  sweepEvery: true,
  namespace: true,
  objectPrefix: true,
  onWarning: true,
  clock: true,
});

/** The options, checked. */
export interface DocumentSettings {
  readonly objects: ObjectStore;
  readonly maxBytes: number;
  /** Bytes, for a server with this much memory. */
  readonly budgetOf: (maxMemory: number) => number;
  readonly acknowledge: 'redis' | 'objects';
  readonly lifeMs: number;
  readonly uploadTimeoutMs: number;
  readonly uploadsAtOnce: number;
  readonly sweepEveryMs: number;
  readonly namespace: string;
  readonly objectPrefix: string;
  readonly warn: (message: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

/** @throws InvalidOptionError, InvalidDurationError */
export function readDocumentOptions(options: RedisDocumentsOptions, random: () => number): DocumentSettings {
  known.check(options);
  const { objects, acknowledge = 'redis', uploadsAtOnce = 4, namespace = 'documents' } = options;
  if (typeof objects?.open !== 'function') {
    throw new InvalidOptionError('objects', 'it is no object store', 'Give s3ObjectStore() or folderObjectStore().');
  }
  if (acknowledge !== 'redis' && acknowledge !== 'objects') {
    throw new InvalidOptionError('acknowledge', 'it is neither', "Give 'redis' or 'objects'.");
  }
  if (!Number.isInteger(uploadsAtOnce) || uploadsAtOnce < 1) {
    throw new InvalidOptionError('uploadsAtOnce', 'it is not a number of uploads', 'Give 1 or more.');
  }
  if (typeof namespace !== 'string' || namespace === '') {
    throw new InvalidOptionError('namespace', 'it is empty', "Give a text such as 'documents'.");
  }
  const maxBytes = byteSize(options.maxBytes ?? '250mb', 'maxBytes');
  if (maxBytes > 500e6) {
    throw new InvalidOptionError('maxBytes', 'a value of Redis has at most 512 MB', 'Give up to 500mb.');
  }
  return {
    objects,
    maxBytes,
    budgetOf: budget(options.dirtyBudget ?? '25%'),
    acknowledge,
    lifeMs: serverLifeMs(options.keepFor ?? '30d', 'keepFor'),
    uploadTimeoutMs: serverLifeMs(options.uploadTimeout ?? '10m', 'uploadTimeout'),
    uploadsAtOnce,
    sweepEveryMs: milliseconds(options.sweepEvery ?? '1m', 'sweepEvery'),
    namespace,
    objectPrefix: options.objectPrefix ?? 'documents/',
    warn: options.onWarning ?? ((message) => process.emitWarning(message, 'RedisDocumentsWarning')),
    clock: options.clock ?? systemClock,
    random,
  };
}

function budget(given: ByteSize | `${number}%`): (maxMemory: number) => number {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(String(given)) ?? [];
  if (percent === undefined) {
    const bytes = byteSize(given as ByteSize, 'dirtyBudget');
    return () => bytes;
  }
  const part = Number(percent) / 100;
  if (part <= 1) return (maxMemory) => Math.floor(maxMemory * part);
  throw new InvalidOptionError('dirtyBudget', 'it is more than all', "Give bytes, or a part such as '25%'.");
}
