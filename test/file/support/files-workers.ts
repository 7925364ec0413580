import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from '@jest/globals';
import { bundled } from '../../support/bundled.js';
import { dyingWithParent } from '../../support/dies-with-parent.js';
import { diskDirectory } from '../../support/disk-directory.js';
import type { DiskDirectory } from '../../support/disk-directory.js';
import { eventually } from '../../support/eventually.js';
import { startWorker } from '../../support/worker-process.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { FilesWorkerData } from './files-worker.js';

/**
 * Processes over one folder of copies. They are started once; one that was killed is replaced. They run a bundle, which starts in a third of the time,
 * and whose memory is a service's and not the compiler's.
 */
export class FilesWorkers {
  private readonly build = diskDirectory();
  private script: URL | undefined;
  private readonly idle: WorkerProcess[] = [];
  private readonly used: WorkerProcess[] = [];
  private directory: DiskDirectory | undefined;

  /** Starts them at once. */
  async start(count: number): Promise<void> {
    const source = new URL('./files-worker.ts', import.meta.url);
    const script = (this.script ??= pathToFileURL(bundled(source, this.build.path, 'cjs')));
    const started = Array.from({ length: count }, () =>
      startWorker(script, undefined, (node) => dyingWithParent(node, [])),
    );
    this.idle.push(...(await Promise.all(started)));
  }

  /** So many of them, set up over an empty folder. */
  async over(count: number, data: Omit<FilesWorkerData, 'directory'>): Promise<WorkerProcess[]> {
    this.directory?.remove();
    this.directory = diskDirectory();
    return this.join(count, data);
  }

  /** More of them, over the same folder. */
  async join(count: number, data: Omit<FilesWorkerData, 'directory'>): Promise<WorkerProcess[]> {
    if (this.idle.length < count) await this.start(count - this.idle.length);
    const taken = this.idle.splice(0, count);
    this.used.push(...taken);
    await Promise.all(taken.map((worker) => worker.call('setUp', { directory: this.path, ...data })));
    return taken;
  }

  get path(): string {
    return this.directory?.path ?? '';
  }

  /** What lies in the folder, but for the folder's own. */
  names(): string[] {
    const root = join(this.path, 'files-v1');
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /^..\/[0-9a-f]/.test(name));
  }

  /** Those that live are used again. */
  giveBack(killed: readonly WorkerProcess[] = []): void {
    this.idle.push(...this.used.splice(0).filter((worker) => !killed.includes(worker)));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.idle, ...this.used].map((worker) => worker.kill()));
    this.directory?.remove();
    this.build.remove();
  }
}

export const readsOf = async (workers: readonly WorkerProcess[]): Promise<string[]> =>
  (await Promise.all(workers.map((worker) => worker.call<string[]>('reads')))).flat();

/** Resolves once the process has downloaded so many bytes. */
export const atBytes = (worker: WorkerProcess, bytes: number): Promise<void> =>
  eventually(async () => expect(await worker.call<number>('sentBytes')).toBeGreaterThan(bytes), { everyMs: 2 });
