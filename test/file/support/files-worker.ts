import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { folderObjectStore } from '../../../src/object/folder-object-store.js';
import type { ObjectStore } from '../../../src/object/object-store.js';
import { s3ObjectStore } from '../../../src/object/s3/s3-object-store.js';
import { TieredFiles } from '../../../src/file/tiered-files.js';
import type { Protection } from '../../../src/file/files-tuning.js';
import type { FileRequest } from '../../../src/file/tiered-file.js';
import type { TieredFilesOptions } from '../../../src/file/tiered-files-options.js';
import { radosgwClient } from '../../support/radosgw.js';
import { serveWorker } from '../../support/serve-worker.js';
import { countedStore, machineMs } from './counted-store.js';
import type { CountedStore } from './counted-store.js';

export interface FilesWorkerData {
  readonly directory: string;
  /** A folder of objects, or a bucket of radosgw. */
  readonly objects: string | { readonly bucket: string };
  /** Pause before each piece of a download. Default: none. */
  readonly pieceMs?: number;
  /** Whether the store tells checksums. S3 does not of objects that were uploaded in parts. Default true. */
  readonly checksums?: boolean;
  readonly without?: readonly Protection[];
  /** How long a leader that lives is waited for without a byte. Default 60 s: on a busy machine it may stand still for seconds. */
  readonly patienceMs?: number;
  readonly options?: Partial<TieredFilesOptions>;
}

export interface ReadOutcome {
  readonly source: string;
  readonly bytes: number;
  /** Of more than ten readers: the CRC-32. */
  readonly sha256: string;
  /** By the clock of the whole machine. */
  readonly firstByteAt: number;
}

/** One file cache after another, each set up by its test. */
class FilesWorker {
  files: TieredFiles | undefined;
  store: CountedStore | undefined;
  sentBytes = 0;

  private mostBytes = 0;

  constructor() {
    setInterval(() => (this.mostBytes = Math.max(this.mostBytes, process.memoryUsage.rss())), 20).unref();
  }

  takeMostBytes(): number {
    const most = Math.max(this.mostBytes, process.memoryUsage.rss());
    this.mostBytes = 0;
    return most;
  }

  async setUp({
    directory,
    objects,
    pieceMs = 0,
    checksums = true,
    without = [],
    patienceMs = 60_000,
    options,
  }: FilesWorkerData): Promise<void> {
    await this.files?.close();
    this.sentBytes = 0;
    this.store = countedStore(storeOf(objects), {
      checksums,
      ...(pieceMs > 0 && {
        beforePiece: async (sent: number) => {
          this.sentBytes = sent;
          await new Promise((resolve) => setTimeout(resolve, pieceMs));
        },
      }),
    });
    this.files = new TieredFiles(
      { objects: this.store, directory, maxBytes: '2gib', ...options },
      { without: new Set(without), stagnantMs: 50, patienceMs },
    );
  }

  forgetReads(): void {
    if (!this.store) return;
    this.store.reads.length = 0;
    this.store.firstByteAt = undefined;
  }

  /** Many readers of large files at once are compared by the quicker checksum. */
  async read(request: FileRequest, quickly: boolean): Promise<ReadOutcome> {
    const file = await (this.files as TieredFiles).open(request);
    const hash = quickly ? undefined : createHash('sha256');
    let crc = 0;
    let bytes = 0;
    let firstByteAt = 0;
    // Many at once are clients of HTTP: `send` lends them the bytes.
    for await (const chunk of quickly ? file.lent() : file.stream()) {
      if (bytes === 0) firstByteAt = machineMs();
      bytes += (chunk as Buffer).length;
      if (hash) hash.update(chunk as Buffer);
      else crc = crc32(chunk as Buffer, crc);
    }
    return { source: file.source, bytes, sha256: hash?.digest('hex') ?? `${crc}`, firstByteAt };
  }
}

function storeOf(objects: FilesWorkerData['objects']): ObjectStore {
  if (typeof objects === 'string') return folderObjectStore({ directory: objects });
  return s3ObjectStore({ client: radosgwClient(), bucket: objects.bucket });
}

serveWorker(() => {
  const worker = new FilesWorker();
  return {
    setUp: (data: FilesWorkerData) => worker.setUp(data),
    read: (request: FileRequest, readers = 1) =>
      Promise.all(Array.from({ length: readers }, () => worker.read(request, readers > 10))),
    reads: () => worker.store?.reads ?? [],
    firstByteAt: () => worker.store?.firstByteAt,
    forgetReads: () => worker.forgetReads(),
    sentBytes: () => worker.sentBytes,
    purge: (uid: string) => worker.files?.purge({ uid }),
    check: () => worker.files?.check(),
    /** The most since it was last asked, sampled: what the system counts includes the process that it was forked from. */
    rssBytes: () => worker.takeMostBytes(),
    stop: () => worker.files?.close(),
  };
});
