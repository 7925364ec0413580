import { stat } from 'node:fs/promises';
import { headerOf } from './folder-scan.js';
import type { FilePlace } from './file-place.js';
import type { FilesFolder } from './files-folder.js';

/** Where a file is on this host, and why it is not where it is not. For people. */
export interface FileExplanation {
  readonly uid: string;
  /** In a sentence. */
  readonly verdict: string;
  /** The whole copy. */
  readonly copy?: {
    readonly path: string;
    readonly size: number;
    readonly etag: string;
    readonly filledAt: Date;
    /** Within a minute. */
    readonly usedAt: Date;
    /** Whether the object store is asked once more before it is served, since purges may have been missed. */
    readonly needsConfirmation: boolean;
  };
  /** Downloads that are not complete. */
  readonly unfinished: readonly {
    readonly bytes: number;
    readonly of: number | null;
    readonly leader: 'running' | 'ended' | 'unknown';
  }[];
}

export interface ExplainedWith {
  readonly folder: FilesFolder;
  readonly isConfirmed: boolean;
  /** What was remembered of an object that is absent, denied or archived. */
  readonly refused: string | undefined;
}

export async function explainFile(
  uid: string,
  place: FilePlace,
  { folder, isConfirmed, refused }: ExplainedWith,
): Promise<FileExplanation> {
  const stats = await stat(place.path).catch(() => undefined);
  const header = stats && (await headerOf(place.path).catch(() => undefined));
  const leader = await folder.locks.holderOf(place.lock);
  const unfinished = [];
  for (const part of await place.parts().catch(() => [])) {
    const found = await stat(part).catch(() => undefined);
    const of = await headerOf(part).catch(() => undefined);
    if (found) unfinished.push({ bytes: Math.max(0, found.size - 4096), of: of?.size ?? null, leader });
  }
  const copy = stats &&
    header && {
      path: place.path,
      size: header.size,
      etag: header.etag,
      filledAt: new Date(header.filledAt),
      usedAt: stats.mtime,
      needsConfirmation: !isConfirmed,
    };
  return { uid, verdict: verdictOf(copy, unfinished, refused), ...(copy && { copy }), unfinished };
}

function verdictOf(
  copy: FileExplanation['copy'] | undefined,
  unfinished: FileExplanation['unfinished'],
  refused: string | undefined,
): string {
  if (refused !== undefined) return `It is not asked for at the moment: ${refused}`;
  if (copy?.needsConfirmation)
    return 'A copy lies on this host. The object store is asked once whether it is still the file.';
  if (copy) return 'A copy lies on this host and is served.';
  const [download] = unfinished;
  if (download?.leader === 'running')
    return `It is being downloaded: ${download.bytes} of ${download.of ?? 'unknown'} bytes.`;
  if (download) return 'A download was left unfinished. The next reader goes on with it, if the object is the same.';
  return 'No copy lies on this host. The next reader downloads it.';
}
