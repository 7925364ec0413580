import { startWorker } from '../../support/worker-process.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { LockWorkerData } from './lock-worker.js';
import type { ResourceWorkerData } from './resource-worker.js';

/** The processes of one spec file; `stop` ends them all. */
export class LockProcesses {
  private readonly started: WorkerProcess[] = [];

  async worker(data: LockWorkerData): Promise<WorkerProcess> {
    return this.keep(startWorker(new URL('./lock-worker.ts', import.meta.url), data));
  }

  /** A protected resource; resolves to its port. */
  async resource(data: ResourceWorkerData): Promise<number> {
    const process = await this.keep(startWorker(new URL('./resource-worker.ts', import.meta.url), data));
    return process.call<number>('listen');
  }

  async stop(): Promise<void> {
    await Promise.all(this.started.splice(0).map((process) => process.kill()));
  }

  private async keep(starting: Promise<WorkerProcess>): Promise<WorkerProcess> {
    const process = await starting;
    this.started.push(process);
    return process;
  }
}
