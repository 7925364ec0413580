import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { onAbort } from '../value/on-abort.js';
import type { Clock } from '../value/clock.js';
import { bytesAt } from '../value/bytes-at.js';
import { decodeState, headerBytes, statePosition } from './file-header.js';
import type { FileHeader, FillState } from './file-header.js';
import type { FilePlace } from './file-place.js';
import type { FilesTuning } from './files-tuning.js';
import { SharedPieces } from './shared-pieces.js';

/** `leading`: this process fills it now. `whole`: nothing was left to fill. `held`: another one has the right to. `gone`: it was purged, has ended, or this process ends. */
export type Takeover = 'leading' | 'whole' | 'held' | 'gone';

export interface GrowingFileOptions {
  readonly place: FilePlace;
  readonly part: string;
  readonly handle: FileHandle;
  readonly header: FileHeader;
  readonly inode: number;
  /** Bytes of the body that are there already. */
  readonly available: number;
  readonly clock: Clock;
  readonly tuning: FilesTuning;
  /** Tries to fill it from here on, since whoever did seems to have stopped. */
  readonly takeOver: (file: GrowingFile) => Promise<Takeover>;
  /** Nobody here needs it any more. */
  readonly onEnd: (file: GrowingFile) => void;
}

/**
 * A file that is being filled, by this process or another one, as this process sees it. Its bytes are readable as they come: the file's length is the
 * watermark, since a write shows itself whole, and the last bytes are written after size and checksum were found right.
 */
export class GrowingFile {
  readonly place: FilePlace;
  readonly part: string;
  readonly header: FileHeader;
  readonly handle: FileHandle;
  /** Bytes of the body that can be read. */
  available: number;
  /** For readers who don't write into what they read. */
  readonly shared: SharedPieces;
  state: FillState | 'whole' = 'filling';
  /** This process fills it, until `stopFilling`. `cancel` ends that. */
  filling: { cancel(): void } | undefined;
  private readers = 0;
  private hasEnded = false;
  private isWatched = false;
  private readonly waiters = new Set<() => void>();

  constructor(private readonly options: GrowingFileOptions) {
    this.place = options.place;
    this.part = options.part;
    this.header = options.header;
    this.handle = options.handle;
    this.available = options.available;
    this.shared = new SharedPieces(options.handle);
    this.linger();
  }

  get isWhole(): boolean {
    return this.available >= this.header.size;
  }

  /** Whether the unfinished or finished file still has a name: a purge takes it away. */
  async isCurrent(): Promise<boolean> {
    const { inode } = this.options;
    for (const path of [this.part, this.place.path]) {
      const found = await stat(path).catch(() => undefined);
      if (found?.ino === inode) return true;
    }
    return false;
  }

  /** A reader comes. False: it is closed. */
  enter(): boolean {
    if (!this.isInUse) return false;
    this.readers++;
    return true;
  }

  leave(): void {
    if (--this.readers === 0) this.linger();
    this.closeUnused();
  }

  /** More is there. */
  advance(available: number): void {
    this.available = available;
    if (this.isWhole) this.end('whole');
    else this.wake();
  }

  /** No more will come through this file. */
  end(state: FillState | 'whole'): void {
    if (this.state === 'filling') this.state = state;
    this.wake();
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.options.onEnd(this);
    this.closeUnused();
  }

  /** The one who filled it here stops. Where that is not its end, others may go on. */
  stopFilling(): void {
    this.filling = undefined;
    if (this.hasEnded) this.closeUnused();
    else if (this.readers > 0) void this.watch();
    else this.end('givenUp');
  }

  /** Resolves when there are bytes behind `at`, or when no more will come. @throws the reason of the signal. */
  async wait(at: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.available > at || this.state !== 'filling') return;
    if (!this.filling) void this.watch();
    await new Promise<void>((resolve, reject) => {
      const stopListening = onAbort(signal, () => {
        this.waiters.delete(wake);
        reject(signal.reason);
      });
      const wake = (): void => {
        stopListening();
        resolve();
      };
      this.waiters.add(wake);
    });
  }

  private get isInUse(): boolean {
    return this.readers > 0 || this.filling !== undefined || !this.hasEnded;
  }

  private closeUnused(): void {
    if (this.isInUse) return;
    this.shared.clear();
    void this.handle.close().catch(() => undefined);
  }

  private wake(): void {
    const waiters = [...this.waiters];
    this.waiters.clear();
    for (const wake of waiters) wake();
  }

  /** Follows the file's length while somebody reads and another process fills it. */
  private async watch(): Promise<void> {
    if (this.isWatched) return;
    this.isWatched = true;
    const { clock, tuning } = this.options;
    let grewAt = clock.monotonic();
    let judgedAt = grewAt;
    try {
      while (this.readers > 0 && this.state === 'filling' && !this.filling) {
        const { size } = await this.handle.stat();
        const available = Math.min(this.header.size, Math.max(0, size - headerBytes));
        const now = clock.monotonic();
        if (available > this.available) {
          grewAt = now;
          this.advance(available);
          continue;
        }
        if (now - grewAt >= tuning.stagnantMs && now - judgedAt >= tuning.stagnantMs) {
          judgedAt = now;
          await this.judge(now - grewAt);
        }
        await clock.sleep(now - grewAt < 50 ? tuning.pollMs : tuning.pollMs * 5);
      }
    } catch {
      this.end('givenUp');
    } finally {
      this.isWatched = false;
    }
  }

  /** Nothing came for a while: why not? */
  private async judge(stillMs: number): Promise<void> {
    const byte = await bytesAt(this.handle, statePosition, 1);
    const state = decodeState(byte?.[0] ?? 0);
    if (state !== 'filling') return this.end(state);
    const outcome = await this.options.takeOver(this);
    if (outcome === 'gone' || (outcome === 'held' && stillMs >= this.options.tuning.patienceMs)) this.end('givenUp');
  }

  /** Nobody reads. That may be because the first reader is still on its way. */
  private linger(): void {
    const { clock, tuning } = this.options;
    clock.after(tuning.lingerMs, () => {
      if (this.readers > 0 || this.hasEnded) return;
      const left = this.header.size - this.available;
      const isNearlyDone = left <= tuning.finishBytes || left <= this.header.size / 10;
      if (!this.filling) this.end('givenUp');
      else if (!isNearlyDone) this.filling.cancel();
    });
  }
}
