import { itemsOf, textOf } from '../store/redis/redis-reply.js';
import type { DocumentServer } from './document-server.js';
import type { ServerPolicy } from './document-policy.js';
import type { UploadLine } from './upload-line.js';

/** How the documents are: for health checks and metrics. */
export interface DocumentsStatus {
  /** What is in Redis and not backed up. */
  readonly dirty: {
    readonly documents: number;
    /** What can't be evicted, in bytes: these, and what comes in at this moment. */
    readonly bytes: number;
    /** How many bytes that may be. What exceeds it goes to the object store at once. */
    readonly budgetBytes: number;
    /** How long the eldest has waited; 0 where there is none. More than a few minutes: the object store is away, or uploads are too slow. */
    readonly oldestMs: number;
  };
  /** Deleted documents that are remembered, for a day or twice the `uploadTimeout`: what arrives of them late is not read. */
  readonly removed: number;
  /** Of this process, since it started. */
  readonly uploads: { readonly running: number; readonly done: number; readonly failed: number };
  /** What the last upload failed with; absent where it did not fail. */
  readonly lastFailure?: string;
  /** What the last sweep that this process ran by itself failed with; absent where it did not fail. */
  readonly lastSweepFailure?: string;
  readonly server: { readonly evictionPolicy: string; readonly maxMemory: number; readonly isAppendOnly: boolean };
}

export async function readStatus(
  server: DocumentServer,
  policy: ServerPolicy,
  budgetBytes: number,
  line: UploadLine,
  lastSweepFailure: Error | undefined,
): Promise<DocumentsStatus> {
  const { names } = server;
  const [documents, bytes, eldest, removed, nowMicros] = await Promise.all([
    server.ask('ZCARD', names.dirty),
    server.ask('HGET', names.state, 'bytes'),
    server.ask('ZRANGE', names.dirty, '0', '0', 'WITHSCORES'),
    server.ask('ZCARD', names.removed),
    server.micros(),
  ]);
  const since = Number(textOf(itemsOf(eldest)?.[1]) ?? NaN);
  const { evictionPolicy, maxMemory, isAppendOnly } = policy;
  return {
    dirty: {
      documents: Number(documents),
      bytes: Number(textOf(bytes) ?? 0),
      budgetBytes,
      oldestMs: Number.isNaN(since) ? 0 : Math.max(0, Math.round((nowMicros - since) / 1_000)),
    },
    removed: Number(removed),
    uploads: { running: line.length, done: line.counts.uploaded, failed: line.counts.failed },
    ...(line.lastFailure && { lastFailure: line.lastFailure.message }),
    ...(lastSweepFailure && { lastSweepFailure: lastSweepFailure.message }),
    server: { evictionPolicy, maxMemory, isAppendOnly },
  };
}
