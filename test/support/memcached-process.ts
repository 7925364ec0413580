import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { dyingWithParent } from './dies-with-parent.js';
import { freePort } from './free-port.js';
import { startsWithinMs } from './starts-within.js';

export interface MemcachedOptions {
  /** Further arguments, such as `['-M']` or `['-I', '64k']`. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** Addresses of the loopback network that it listens at, separated by commas. Default: 127.0.0.1 */
  readonly hosts?: string;
}

/** Starts a real memcached on the loopback network. Rejects, and says how to install it, where the program is missing. */
export async function startMemcached({
  args = [],
  port,
  hosts = '127.0.0.1',
}: MemcachedOptions = {}): Promise<MemcachedProcess> {
  for (let attempt = 1; ; attempt++) {
    const server = new MemcachedProcess(port ?? (await freePort()), args, hosts);
    try {
      await server.start();
      return server;
    } catch (error) {
      if (error instanceof MemcachedMissingError || port !== undefined || attempt === 5) throw error;
    }
  }
}

class MemcachedMissingError extends Error {
  constructor() {
    super('memcached is not installed, and this test runs on the real one. Install it: apt-get install memcached');
    this.name = 'MemcachedMissingError';
  }
}

/** What a command that can't be found ends with. */
const notFound = 127;

/** Pids that live now; a test run that ends early takes them along. */
const livePids = new Set<number>();
process.on('exit', () => {
  for (const pid of livePids) signalPid(pid, 'SIGKILL');
});

export class MemcachedProcess {
  readonly address: string;
  private readonly host: string;
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();

  constructor(
    readonly port: number,
    private readonly args: readonly string[],
    private readonly hosts: string,
  ) {
    this.host = hosts.split(',')[0] as string;
    this.address = `${this.host}:${port}`;
  }

  /** The running process's id. Throws when it doesn't run. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`memcached ${this.address} does not run`);
    return this.child.pid;
  }

  /** Starts it again after `kill` or `stop`, on the same port. Resolves when it answers. */
  async start(): Promise<void> {
    if (this.child) throw new Error(`memcached ${this.address} runs already`);
    const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const listening = ['-l', this.hosts, '-p', `${this.port}`, '-U', '0', '-t', '2'];
    const child = spawn(...dyingWithParent('memcached', [...listening, ...asRoot, ...this.args]), {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-500)));
    let failure: Error | undefined;
    this.exited = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        failure = error.code === 'ENOENT' ? new MemcachedMissingError() : error;
        resolve();
      });
      child.once('exit', (code, signal) => {
        failure =
          code === notFound
            ? new MemcachedMissingError()
            : new Error(`memcached on port ${this.port} ended (${signal ?? code}): ${complaint.trim()}`);
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
      const answered = await Promise.race([this.exited.then(() => undefined), this.stats().catch(() => undefined)]);
      if (answered?.['pid'] === `${child.pid}`) return;
      if (performance.now() > giveUpAt) {
        await this.kill();
        throw new Error(
          `memcached on port ${this.port} did not answer within ${startsWithinMs / 1_000} s: ${complaint.trim()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** For good or for a while. At once: it takes up to a second to notice SIGTERM, and has nothing to tidy up. */
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

  /** Kills it and starts an empty one on the same port. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /**
   * Sends one raw command, body included, over a socket of its own, and resolves to the reply without its last CR LF.
   * The second handle for looking underneath: `command('mg key t c v')`, `command('set key 0 0 2\r\nhi')`, `command('flush_all')`.
   */
  async command(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let reply = '';
      const socket = connect(this.port, this.host);
      socket.setTimeout(startsWithinMs, () =>
        socket.destroy(new Error(`no reply to ${text.slice(0, 40)} from ${this.address}`)),
      );
      socket.on('error', reject);
      // `mn` marks the end of the reply, whatever shape the reply has.
      socket.on('connect', () => socket.write(`${text}\r\nmn\r\n`, 'latin1'));
      socket.on('data', (chunk: Buffer) => {
        reply += chunk.toString('latin1');
        if (reply.endsWith('MN\r\n')) {
          socket.end();
          resolve(reply.slice(0, -'\r\nMN\r\n'.length));
        }
      });
      socket.on('close', () => reject(new Error(`${this.address} closed the connection`)));
    });
  }

  /** `stats`, or `stats settings` and the like, by name. */
  async stats(what = ''): Promise<Record<string, string>> {
    const reply = await this.command(`stats ${what}`.trim());
    return Object.fromEntries(
      [...reply.matchAll(/^STAT (\S+) (.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
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
