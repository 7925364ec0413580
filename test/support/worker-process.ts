import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dyingWithParent } from './dies-with-parent.js';
import type { PortableError } from './serve-worker.js';

/**
 * Runs a TypeScript file in a Node process of its own. The file calls `serveWorker` of serve-worker.ts with its methods; they are
 * called from here by name. Arguments and results are copied as by `structuredClone`: bigint, Buffer, Map and Date pass.
 *
 * @param workerData what `serveWorker` resolves to there.
 * @param wrapped the command as it is really run: `inContainer` gives it process ids of its own.
 */
export async function startWorker(
  fileUrl: string | URL,
  workerData?: unknown,
  wrapped: (command: string, args: readonly string[]) => [command: string, args: string[]] = dyingWithParent,
): Promise<WorkerProcess> {
  const [execPath, execArgv] = wrapped(process.execPath, ['--import', compiledSources]);
  const child = fork(fileURLToPath(fileUrl), {
    execPath,
    execArgv,
    serialization: 'advanced',
    env: { ...process.env, NODE_OPTIONS: '', NODE_CHANNEL_FD: undefined },
  });
  const worker = new WorkerProcess(child);
  try {
    await worker.call('serveWorker:start', workerData);
    return worker;
  } catch (error) {
    await worker.kill();
    throw error;
  }
}

/** What a process imports first that runs TypeScript. */
export const compiledSources = new URL('./sources/register.mjs', import.meta.url).href;

const live = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL');
});

export class WorkerProcess {
  readonly pid: number;
  private readonly pending = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: unknown) => void }
  >();
  private readonly exited: Promise<string>;
  private hasExited = false;
  private lastId = 0;

  constructor(private readonly child: ChildProcess) {
    this.pid = child.pid ?? 0;
    live.add(child);
    child.on('message', (reply: { id: number; result?: unknown; error?: PortableError }) => {
      const waiting = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      if (reply.error) waiting?.reject(revived(reply.error));
      else waiting?.resolve(reply.result);
    });
    child.on('error', () => {});
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        live.delete(child);
        this.hasExited = true;
        for (const { reject } of this.pending.values()) {
          reject(new Error(`worker ${this.pid} ended (${signal ?? code}) before it answered`));
        }
        this.pending.clear();
        resolve(signal ?? `${code}`);
      });
    });
  }

  /** Calls a method of the worker. Rejects with the error it threw, `name` and `code` included, or when the worker ends. */
  async call<R = unknown>(method: string, ...args: unknown[]): Promise<R> {
    if (this.hasExited) throw new Error(`worker ${this.pid} has ended`);
    const id = ++this.lastId;
    return new Promise<R>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, method, args }, (error) => {
        if (error) reject(error);
      });
    });
  }

  /** Ends it at once, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }

  /** SIGSTOP. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /**
   * Closes the channel and lets the process end by itself: what it left open keeps it alive. Resolves to its exit code or signal;
   * after `graceMs`, longer than a busy machine needs, it is killed and the answer is `SIGKILL`.
   */
  async stop(graceMs = 30_000): Promise<string> {
    this.resume();
    if (this.child.connected) this.child.disconnect();
    const insist = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    const outcome = await this.exited;
    clearTimeout(insist);
    return outcome;
  }
}

function revived({ own, ...named }: PortableError): Error {
  return Object.assign(new Error(named.message), own, named);
}
