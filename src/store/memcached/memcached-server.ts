import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { reportFault } from '../../value/events.js';
import { MetaConnection } from './meta-connection.js';
import type { ServerAddress } from './server-address.js';

export interface ServerOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
}

/** Fill leases need what `mg … N` and `ma … J` do since then. */
const minVersion = [1, 6, 18] as const;
const tooOldRetryMs = 60_000;

/** One server and the one connection to it, made on demand and made again when it ended. */
export class MemcachedServer {
  /** Counts connections. What was learned on an earlier one proves nothing: the server may have restarted, and its revisions with it. */
  session = 0;
  /** Of the present server: the largest item it takes, its own bookkeeping included. */
  itemSizeMax: number | undefined;
  /** Whether it makes room by throwing items away. Known once connected. */
  evictsItems: boolean | undefined;
  readonly name: string;

  private connection: MetaConnection | undefined;
  private connecting: Promise<MetaConnection> | undefined;
  private sockets = new Set<Socket>();
  private closed = false;
  private tooOldUntil = 0;
  private saidTooOld = false;

  constructor(
    private readonly address: ServerAddress,
    private readonly options: ServerOptions,
  ) {
    this.name = `memcached ${address.text}`;
  }

  /** The connection, if it stands. */
  get ready(): MetaConnection | undefined {
    return this.connection;
  }

  open(): void {
    this.closed = false;
  }

  /** The connection, made if need be. @throws StoreUnavailableError within the connect deadline. */
  async connected(): Promise<MetaConnection> {
    if (this.connection) return this.connection;
    if (this.closed) throw this.unavailable('it was closed');
    if (this.options.clock.monotonic() < this.tooOldUntil) throw this.unavailable('it is too old');
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  close(): void {
    this.closed = true;
    this.connection?.end('closed');
    for (const socket of this.sockets) socket.destroy();
  }

  unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(this.name, problem, cause === undefined ? undefined : { cause });
  }

  private async connect(): Promise<MetaConnection> {
    const socket = await this.openSocket();
    const connection = new MetaConnection(socket, this.options.commandTimeoutMs, this.options.clock, (ended) => {
      if (this.connection === ended) this.connection = undefined;
    });
    try {
      await this.greet(connection);
    } catch (error) {
      connection.end('refused at first connect');
      throw error instanceof StoreUnavailableError ? error : this.unavailable('it does not answer', error);
    }
    if (this.closed || connection.isShutdown()) {
      connection.end('closed');
      throw this.unavailable('it was closed');
    }
    this.session++;
    this.connection = connection;
    return connection;
  }

  private openSocket(): Promise<Socket> {
    const { host, port } = this.address;
    const { clock, connectTimeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      const socket = createConnection({ host, port, noDelay: true });
      this.sockets.add(socket);
      socket.once('close', () => {
        this.sockets.delete(socket);
        fail(this.unavailable('the connection was closed'));
      });
      const fail = (error: StoreUnavailableError): void => {
        timer.cancel();
        reject(error);
      };
      const timer = clock.after(connectTimeoutMs, () => {
        fail(this.unavailable(`no connection within ${connectTimeoutMs} ms`));
        socket.destroy();
      });
      socket.once('error', (error) => fail(this.unavailable('no connection', error)));
      socket.once('connect', () => {
        timer.cancel();
        resolve(socket);
      });
    });
  }

  /** Asks who it is before anything is entrusted to it. */
  private async greet(connection: MetaConnection): Promise<void> {
    const version = new Promise<string>((resolve, reject) => {
      connection.send('version\r\n', (error, reply) => (error ? reject(error) : resolve(reply?.flags[0] ?? '')));
    });
    const settings = new Promise<Map<string, string>>((resolve, reject) => {
      connection.stats('stats settings\r\n', (error, lines) => (error ? reject(error) : resolve(new Map(lines))));
    });
    const [number, known] = await Promise.all([version, settings]);
    if (isOlder(number)) {
      this.tooOldUntil = this.options.clock.monotonic() + tooOldRetryMs;
      const message = `${this.name} is version ${number.slice(0, 20)}; ${minVersion.join('.')} or later is needed.`;
      if (!this.saidTooOld) reportFault({ source: this.name, kind: 'too-old', message });
      this.saidTooOld = true;
      throw this.unavailable(`version ${number.slice(0, 20)} is older than ${minVersion.join('.')}`);
    }
    this.itemSizeMax = Number(known.get('item_size_max')) || undefined;
    this.evictsItems = known.get('evictions') === 'on';
  }
}

function isOlder(version: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!parts) return true;
  for (const [index, least] of minVersion.entries()) {
    const part = parts[index] as number;
    if (part !== least) return part < least;
  }
  return false;
}
