import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { RedisWire } from './redis-wire.js';
import type { WireReply } from './redis-wire.js';
import { ServerProcess, startOnPort } from './server-process.js';

export interface RedisServerOptions {
  /** Further arguments, such as `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
}

/** Starts a real redis-server on 127.0.0.1, without persistence unless asked. Rejects, and says how to install it, where it is missing. */
export function startRedis({ args = [], port }: RedisServerOptions = {}): Promise<RedisProcess> {
  return startOnPort(port, (chosen) => new RedisProcess(chosen, args));
}

/** After `kill`, what it finds in its folder comes back. */
export class RedisProcess extends ServerProcess {
  readonly url: string;
  /** Where it keeps its snapshot and append-only file. `stop` removes it. */
  readonly directory = mkdtempSync(join(tmpdir(), 'redis-'));
  private wire: RedisWire | undefined;

  /** @param leading arguments that stand before all others, such as a configuration file. */
  constructor(
    port: number,
    private readonly args: readonly string[],
    private readonly leading: readonly string[] = [],
  ) {
    super('redis-server', port, '127.0.0.1');
    this.url = `redis://${this.address}`;
  }

  protected arguments(): string[] {
    const listening = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.directory, '--daemonize', 'no'];
    const fast = this.leading.length > 0 ? [] : ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
    return [...this.leading, ...listening, ...fast, ...this.args];
  }

  protected async answeringPid(): Promise<string | undefined> {
    return (await this.info('server'))['process_id'];
  }

  override async stop(): Promise<void> {
    await super.stop();
    // A child that saves for a replica or a file may end after its parent. Node's own retries don't look for what has come in since.
    await eventually(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  override async kill(): Promise<void> {
    this.wire?.close();
    this.wire = undefined;
    await super.kill();
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
}
