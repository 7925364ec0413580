import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const restartDelayMs = 500;
/** Longer than a shutdown waits for a redemption that runs. */
const stopLimitMs = 15_000;

/** The service in `count` processes that share one port. One that dies is replaced. */
export class WorkerPool {
  private stopping = false;

  /** @param quiet drops what the workers print on stdout: their request lines. */
  constructor(
    private readonly env: NodeJS.ProcessEnv,
    { quiet }: { quiet: boolean },
  ) {
    cluster.setupPrimary({ exec: fileURLToPath(new URL('../main.js', import.meta.url)), silent: quiet });
  }

  /** @returns the address they share. @throws when one ends before it is ready. */
  async start(count: number): Promise<string> {
    // Workers that listen on port 0 are given the same free port.
    const addresses = await Promise.all(Array.from({ length: count }, () => this.startWorker()));
    cluster.on('exit', (worker, code, signal) => {
      if (this.stopping) return;
      console.error(`worker ${worker.process.pid} ended (${signal || code}), starting another`);
      void sleep(restartDelayMs).then(() => (this.stopping ? undefined : this.startWorker().catch(console.error)));
    });
    return addresses[0] ?? '';
  }

  get pids(): number[] {
    return this.workers.map((worker) => worker.process.pid ?? 0);
  }

  /** SIGTERM to all, and waits until they have finished what they were doing. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      this.workers.map(async (worker) => {
        const exited = once(worker, 'exit');
        worker.process.kill('SIGTERM');
        const insist = setTimeout(() => worker.process.kill('SIGKILL'), stopLimitMs);
        await exited;
        clearTimeout(insist);
      }),
    );
  }

  private async startWorker(): Promise<string> {
    const worker = cluster.fork(this.env);
    if (worker.process.stdout) {
      worker.process.stdout.resume();
      worker.process.stderr?.pipe(process.stderr);
    }
    const ended = once(worker, 'exit').then(([code, signal]) => {
      throw new Error(`The service ended (${signal || code}) before it was ready.`);
    });
    const [ready] = (await Promise.race([once(worker, 'message'), ended])) as [{ address: string }];
    ended.catch(() => {});
    return ready.address;
  }

  private get workers(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker?.isDead() === false);
  }
}
