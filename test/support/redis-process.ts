import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dyingWithParent } from './dies-with-parent.js';
import { freePort } from './free-port.js';
import { startsWithinMs } from './starts-within.js';
import { RedisWire } from './redis-wire.js';
import type { WireReply } from './redis-wire.js';

export interface RedisServerOptions {
  /** Further arguments, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
}

/** Starts a real redis-server on 127.0.0.1, without persistence unless asked. Rejects, and says how to install it, where it is missing. */
export async function startRedis({ args = [], port }: RedisServerOptions = {}): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt++) {
    const server = new RedisProcess(port ?? (await freePort()), args);
    try {
      await server.start();
      return server;
    } catch (error) {
      if (error instanceof RedisMissingError || port !== undefined || attempt === 5) throw error;
    }
  }
}

export class RedisMissingError extends Error {
  constructor() {
    super(
      'redis-server is not installed, and this test runs on the real one. Install it: apt-get install redis-server',
    );
    this.name = 'RedisMissingError';
  }
}

/** What a command that can't be found ends with. */
const notFound = 127;

/** Pids that live now; a test run that ends early takes them along. */
const livePids = new Set<number>();
process.on('exit', () => {
  for (const pid of livePids) signalPid(pid, 'SIGKILL');
});

export class RedisProcess {
  readonly address: string;
  readonly url: string;
  /** Where it keeps its snapshot and append-only file. */
  readonly directory = mkdtempSync(join(tmpdir(), 'redis-'));
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private wire: RedisWire | undefined;

  /** @param leading arguments that stand before all others, such as a configuration file. */
  constructor(
    readonly port: number,
    private readonly args: readonly string[],
    private readonly leading: readonly string[] = [],
  ) {
    this.address = `127.0.0.1:${port}`;
    this.url = `redis://${this.address}`;
  }

  /** The running process's id. Throws when it doesn't run. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`redis ${this.address} does not run`);
    return this.child.pid;
  }

  /** Starts it again after `kill` or `stop`, on the same port and folder. Resolves when it answers. */
  async start(): Promise<void> {
    if (this.child) throw new Error(`redis ${this.address} runs already`);
    const listening = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.directory, '--daemonize', 'no'];
    const fast = this.leading.length > 0 ? [] : ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
    const child = spawn(...dyingWithParent('redis-server', [...this.leading, ...listening, ...fast, ...this.args]), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-800)));
    }
    let failure: Error | undefined;
    this.exited = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        failure = error.code === 'ENOENT' ? new RedisMissingError() : error;
        resolve();
      });
      child.once('exit', (code, signal) => {
        failure =
          code === notFound
            ? new RedisMissingError()
            : new Error(`redis on port ${this.port} ended (${signal ?? code}): ${complaint.trim()}`);
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
      const answered = await Promise.race([
        this.exited.then(() => undefined),
        this.info('server').catch(() => undefined),
      ]);
      if (answered?.['process_id'] === `${child.pid}`) return;
      if (performance.now() > giveUpAt) {
        await this.kill();
        throw new Error(
          `redis on port ${this.port} did not answer within ${startsWithinMs / 1_000} s: ${complaint.trim()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** For good: kills it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** SIGKILL, and waits for the end. Does nothing when it doesn't run. */
  async kill(): Promise<void> {
    this.wire?.close();
    this.wire = undefined;
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

  /** Kills it and starts it on the same port; what it finds in its folder comes back. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** One raw command over a socket of its own. Rejects where the server answers with an error. */
  async command(...args: readonly (string | number | Buffer)[]): Promise<WireReply> {
    // Sentinels and tests end the connections of servers that live on.
    if (!this.wire || this.wire.isClosed) this.wire = new RedisWire(this.port);
    try {
      return await this.wire.command(...args);
    } catch (error) {
      // The next command gets a new socket.
      this.wire?.close();
      this.wire = undefined;
      throw error;
    }
  }

  /** The reply as text. */
  async text(...args: readonly (string | number | Buffer)[]): Promise<string> {
    return String(await this.command(...args));
  }

  /** `INFO section`, by name. */
  async info(section: string): Promise<Record<string, string>> {
    const lines = await this.text('INFO', section);
    return Object.fromEntries(
      [...lines.matchAll(/^([a-z0-9_]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
    );
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.child?.pid !== undefined) signalPid(this.child.pid, signal);
  }
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended a moment ago.
  }
}
