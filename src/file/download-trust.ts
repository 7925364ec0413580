import { ObjectNotFoundError } from '../object/object-errors.js';
import type { ObjectHead } from '../object/object-store.js';
import { isFillFor } from './file-header.js';
import type { FileHeader } from './file-header.js';
import type { FileRequest } from './tiered-file.js';
import type { ResolvedFilesOptions } from './tiered-files-options.js';

/**
 * Which downloads of other processes may be read here. A process purges what it knows of when it learns of a gap in the feed; another one may learn of it
 * later, or never. So the object store vouches for a download that began before this process learned of the gap, or before it has started.
 */
export class DownloadTrust {
  /** By the wall clock, which all processes of a host have in common. */
  private distrustedUntil: number;
  /** How far the wall clock was ahead of the monotonic one at most, as far as it was looked at: what another process dated before it was set back is not later. */
  private aheadMs: number;

  constructor(private readonly options: Pick<ResolvedFilesOptions, 'objects' | 'clock' | 'cache'>) {
    this.aheadMs = options.clock.now() - options.clock.monotonic();
    this.distrustedUntil = options.cache ? options.clock.now() : -Infinity;
  }

  /** Purges may have been missed. */
  distrust(): void {
    const { clock } = this.options;
    this.aheadMs = Math.max(this.aheadMs, clock.now() - clock.monotonic());
    this.distrustedUntil = this.aheadMs + clock.monotonic();
  }

  /** What the store says, where a download is not what is asked for, or no more. `undefined`: it may be read. @throws as {@link head}. */
  async insteadOf(header: FileHeader, request: FileRequest): Promise<ObjectHead | undefined> {
    const isAskedFor = isFillFor(header, request);
    if (isAskedFor && this.isTrusted(header)) return undefined;
    const head = await this.head(request);
    return isAskedFor && head.etag === header.etag ? undefined : head;
  }

  /** What is dated later than now began before the wall clock was set back, and perhaps before {@link distrustedUntil}. */
  private isTrusted({ filledAt }: FileHeader): boolean {
    return filledAt > this.distrustedUntil && filledAt <= this.options.clock.now();
  }

  /** What the object store says of a file that is not kept. @throws ObjectNotFoundError and what the store says. */
  async head({ key }: FileRequest): Promise<ObjectHead> {
    const head = await this.options.objects.head(key);
    if (!head) throw new ObjectNotFoundError(key);
    return head;
  }
}
