import { lastingText } from '../value/lasting-text.js';

/** Documents that this process has written, on their way to the object store, so many at a time. Each id at most once at a time. */
export class UploadLine {
  /** Of this process, since it started. */
  readonly counts = { uploaded: 0, failed: 0 };
  /** Why the last one failed; undefined once another did not. */
  lastFailure: Error | undefined;
  private readonly waiting = new Set<string>();
  private readonly running = new Map<string, Promise<void>>();
  private isClosed = false;

  constructor(
    private readonly atOnce: number,
    private readonly upload: (id: string) => Promise<unknown>,
  ) {}

  get length(): number {
    return this.waiting.size + this.running.size;
  }

  add(id: string): void {
    if (this.isClosed) return;
    this.waiting.add(lastingText(id));
    this.next();
  }

  /** Waits for those that run. The others stay in the index, for whoever sweeps. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.waiting.clear();
    await Promise.all(this.running.values());
  }

  /** Resolves when none waits or runs. */
  async empty(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  /** An upload that nobody waits for here: a failure is counted, and left to the sweep. */
  async attempt(id: string, upload = this.upload): Promise<boolean> {
    try {
      await upload(id);
      this.counts.uploaded++;
      this.lastFailure = undefined;
      return true;
    } catch (error) {
      this.counts.failed++;
      this.lastFailure = error instanceof Error ? error : new Error(String(error));
      return false;
    }
  }

  private next(): void {
    for (const id of this.waiting) {
      if (this.running.size >= this.atOnce) return;
      // It was written again while it is uploaded: its turn comes after that.
      if (this.running.has(id)) continue;
      this.waiting.delete(id);
      const run = this.attempt(id).then(() => {
        this.running.delete(id);
        this.next();
      });
      this.running.set(id, run);
    }
  }
}
