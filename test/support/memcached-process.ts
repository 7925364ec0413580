import { connect } from 'node:net';
import { ServerProcess, startOnPort } from './server-process.js';
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
export function startMemcached({
  args = [],
  port,
  hosts = '127.0.0.1',
}: MemcachedOptions = {}): Promise<MemcachedProcess> {
  return startOnPort(port, (chosen) => new MemcachedProcess(chosen, args, hosts));
}

/** What was in it is gone after `kill`. */
export class MemcachedProcess extends ServerProcess {
  constructor(
    port: number,
    private readonly args: readonly string[],
    private readonly hosts: string,
  ) {
    super('memcached', port, hosts.split(',')[0] as string);
  }

  protected arguments(): string[] {
    const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    return ['-l', this.hosts, '-p', `${this.port}`, '-U', '0', '-t', '2', ...asRoot, ...this.args];
  }

  protected async answeringPid(): Promise<string | undefined> {
    return (await this.stats())['pid'];
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
}
