import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { dyingWithParent } from './dies-with-parent.js';
import { freePort } from './free-port.js';
import { startsWithinMs } from './starts-within.js';

/** What a command that can't be found ends with. */
const notFound = 127;

/** Pids that live now; a test run that ends early takes them along. */
const livePids = new Set<number>();
process.on('exit', () => {
  for (const pid of livePids) signalPid(pid, 'SIGKILL');
});

/** The program isn't there. Another port won't help. */
class ProgramMissingError extends Error {
  constructor(program: string) {
    super(`${program} is not installed, and this test runs on the real one. Install it: apt-get install ${program}`);
    this.name = 'ProgramMissingError';
  }
}

/** A real server on the loopback network, which can be killed, suspended and started again on the same port. */
export abstract class ServerProcess {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();

  /** @param program its name, which is also that of the system's package. */
  constructor(
    private readonly program: string,
    readonly port: number,
    readonly host: string,
  ) {}

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** The running process's id. Throws when it doesn't run. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`${this.program} ${this.address} does not run`);
    return this.child.pid;
  }

  protected abstract arguments(): readonly string[];

  /** The pid that the process which answers on the port says it has. */
  protected abstract answeringPid(): Promise<string | undefined>;

  /** Starts it again after `kill` or `stop`, on the same port. Resolves when it answers. Rejects, and says how to install it, where the program is missing. */
  async start(): Promise<void> {
    if (this.child) throw new Error(`${this.program} ${this.address} runs already`);
    const child = spawn(...dyingWithParent(this.program, this.arguments()), { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-800)));
    }
    let failure: Error | undefined;
    const failWith = (what: string): Error =>
      new Error(`${this.program} on port ${this.port} ${what}: ${complaint.trim()}`);
    this.exited = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        failure = error.code === 'ENOENT' ? new ProgramMissingError(this.program) : error;
        resolve();
      });
      child.once('exit', (code, signal) => {
        failure = code === notFound ? new ProgramMissingError(this.program) : failWith(`ended (${signal ?? code})`);
        if (child.pid !== undefined) livePids.delete(child.pid);
        if (this.child === child) this.child = undefined;
        resolve();
      });
    });
    if (child.pid !== undefined) livePids.add(child.pid);
    this.child = child;
    const giveUpAt = performance.now() + startsWithinMs;
    for (;;) {
      if (failure) throw failure;
      // The answer must come from this process, not from a stranger that took the port before it.
      const ended = this.exited.then(() => undefined);
      const pid = await Promise.race([ended, this.answeringPid().catch(() => undefined)]);
      if (pid === `${child.pid}`) return;
      if (performance.now() > giveUpAt) {
        await this.kill();
        throw failWith(`did not answer within ${startsWithinMs / 1_000} s`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** For good. */
  async stop(): Promise<void> {
    await this.kill();
  }

  /** SIGKILL, and waits for the end. Does nothing when it doesn't run. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP: the kernel still accepts connections and bytes, nobody answers. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Kills it and starts it on the same port. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.child?.pid !== undefined) signalPid(this.child.pid, signal);
  }
}

/** Starts a server on this port, or on a free one: where somebody else took that meanwhile, on another. */
export async function startOnPort<S extends ServerProcess>(
  port: number | undefined,
  make: (port: number) => S,
): Promise<S> {
  for (let attempt = 1; ; attempt++) {
    const server = make(port ?? (await freePort()));
    try {
      await server.start();
      return server;
    } catch (error) {
      if (error instanceof ProgramMissingError || port !== undefined || attempt === 5) throw error;
    }
  }
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended a moment ago.
  }
}
