import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { reportFault } from '../../value/events.js';
import type { FaultKind } from '../../value/events.js';
import { MetaConnection } from './meta-connection.js';
import { RefusalError, ServerError } from './server-error.js';
import type { ServerAddress } from './server-address.js';

export interface ServerOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
}

/** Fill leases need what `mg … N` and `ma … J` do since then. */
const minVersion = [1, 6, 18] as const;
const unfitRetryMs = 60_000;
/** Doubled at each failure. The longest is shorter than a breaker's pause, whose probe must reach the wire. */
const pauseAfterFailureMs = { first: 20, longest: 500 };
/** What is left for the greeting when a blocked loop learned late that the connection stands. */
const leastGreetingMs = 100;
/** memcached's own limit of `-I`, until the server has said its own. */
const largestItemBytes = 2 ** 30;

/** One server and the one connection to it, made on demand and made again when it ended. */
export class MemcachedServer {
  /** Of the present server: the largest item it takes, its own bookkeeping included. */
  itemSizeMax: number | undefined;
  /** Whether it makes room by throwing items away. Known once connected. */
  evictsItems: boolean | undefined;
  readonly name: string;

  /** Counts connections. What was learned on an earlier one proves nothing: the server may have restarted, and its revisions with it. */
  private sessions = 0;
  private connection: MetaConnection | undefined;
  private connecting: Promise<MetaConnection> | undefined;
  private sockets = new Set<Socket>();
  private closed = false;
  private refusal: { readonly until: number; readonly error: StoreUnavailableError } | undefined;
  private failuresInRow = 0;
  /** Faults that were reported since it was last fit. */
  private readonly said = new Set<string>();

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
    this.refusal = undefined;
  }

  /** The connection, made if need be. @throws StoreUnavailableError within the connect deadline; at once for a while after a failure. */
  async connected(): Promise<MetaConnection> {
    if (this.connection) return this.connection;
    if (this.closed) throw this.unavailable('it was closed');
    if (this.refusal && this.options.clock.monotonic() < this.refusal.until) throw this.refusal.error;
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  close(): void {
    this.closed = true;
    this.connection?.end('it was closed');
    for (const socket of this.sockets) socket.destroy();
  }

  unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(this.name, problem, cause === undefined ? undefined : { cause });
  }

  private async connect(): Promise<MetaConnection> {
    const startedAt = this.options.clock.monotonic();
    try {
      const connection = this.meet(await this.openSocket());
      await this.greet(connection, startedAt);
      // Closed, or ended, while the greeting was under way.
      if (this.closed) connection.end('it was closed');
      if (connection.isShutdown()) throw this.unavailable('the connection has ended');
      this.connection = connection;
      this.said.clear();
      this.failuresInRow = 0;
      this.refusal = undefined;
      return connection;
    } catch (error) {
      const unavailable = error instanceof StoreUnavailableError ? error : this.unavailable(reasonOf(error), error);
      const pauseMs = Math.min(pauseAfterFailureMs.first * 2 ** this.failuresInRow++, pauseAfterFailureMs.longest);
      this.refuseFor(pauseMs, unavailable);
      throw unavailable;
    }
  }

  /** Nobody is asked again before a longer refusal is over. */
  private refuseFor(pauseMs: number, error: StoreUnavailableError): void {
    const until = this.options.clock.monotonic() + pauseMs;
    if (!this.refusal || this.refusal.until < until) this.refusal = { until, error };
  }

  private meet(socket: Socket): MetaConnection {
    const { commandTimeoutMs, clock } = this.options;
    const maxValueBytes = (): number => this.itemSizeMax ?? largestItemBytes;
    return new MetaConnection(socket, ++this.sessions, maxValueBytes, commandTimeoutMs, clock, (ended) => {
      if (this.connection === ended) this.connection = undefined;
    });
  }

  /** A connection of its own: for what would hold up the commands of the one that all share. @throws StoreUnavailableError */
  async extraSocket(): Promise<Socket> {
    await this.connected();
    return this.openSocket();
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
      // A loop that was blocked fires the timer first; one turn later it has learned whether the connection stands.
      const timer = clock.after(connectTimeoutMs, () => {
        setImmediate(() => {
          if (!socket.connecting) return;
          fail(this.unavailable(`no connection within ${connectTimeoutMs} ms`));
          socket.destroy();
        });
      });
      socket.once('error', (error) => fail(this.unavailable('no connection', error)));
      socket.once('connect', () => {
        timer.cancel();
        resolve(socket);
      });
    });
  }

  /** Asks who it is before anything is entrusted to it, in what is left of the connect deadline. */
  private async greet(connection: MetaConnection, startedAt: number): Promise<void> {
    const { clock, connectTimeoutMs } = this.options;
    const leftMs = connectTimeoutMs - (clock.monotonic() - startedAt);
    let greeted = false;
    const timer = clock.after(Math.max(leftMs, Math.min(leastGreetingMs, connectTimeoutMs)), () => {
      setImmediate(() => {
        if (!greeted) connection.end(`no greeting within ${connectTimeoutMs} ms`);
      });
    });
    try {
      // An answer to `version` counts before what the others meet with an old server.
      const [version, settings] = await allAnswered(
        versionOf(connection),
        settingsOf(connection),
        speaksMeta(connection),
      );
      if (isOlder(version)) throw this.tooOld(version.slice(0, 20));
      if (settings.get('cas_enabled') === 'no') throw this.withoutRevisions();
      this.itemSizeMax = Number(settings.get('item_size_max')) || undefined;
      this.evictsItems = settings.get('evictions') === 'on';
      greeted = true;
    } catch (error) {
      connection.end('it was refused at the greeting');
      if (error instanceof RefusalError || error instanceof ServerError) this.refused(error.message);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  private tooOld(version: string): StoreUnavailableError {
    const least = minVersion.join('.');
    const message = `${this.name} is version ${version}; ${least} or later is needed. It is not used until it is upgraded.`;
    return this.unfit('too-old', `version ${version} is older than ${least}`, message);
  }

  /** Without revisions every lock and every fill would be lost, and a removal by revision would remove anything. */
  private withoutRevisions(): StoreUnavailableError {
    const message = `${this.name} was started with -C, which takes the revisions (CAS) away that fills and locks stand on. It is not used until it is started without -C.`;
    return this.unfit('unsuitable', 'it was started with -C: it keeps no revisions', message);
  }

  /** Off, said once, and looked at again each minute: somebody may mend it. */
  private unfit(kind: FaultKind, problem: string, message: string): StoreUnavailableError {
    const error = this.unavailable(problem);
    this.refuseFor(unfitRetryMs, error);
    this.sayOnce(kind, message);
    return error;
  }

  private refused(words: string): void {
    this.sayOnce('unavailable', `${this.name} turned the connection away: ${words}. It is tried again.`);
  }

  private sayOnce(kind: FaultKind, message: string): void {
    if (this.said.has(message)) return;
    this.said.add(message);
    reportFault({ source: this.name, kind, message });
  }
}

/** Once each has its answer. @throws what the first of them that failed was told; an old server is told by its version. */
async function allAnswered(
  version: Promise<string>,
  settings: Promise<ReadonlyMap<string, string>>,
  meta: Promise<void>,
) {
  const [told] = await Promise.allSettled([version, settings, meta]);
  if (told.status === 'fulfilled' && isOlder(told.value)) return [told.value, new Map<string, string>()] as const;
  const [, known] = await Promise.all([version, settings, meta]);
  return [await version, known] as const;
}

function versionOf(connection: MetaConnection): Promise<string> {
  return new Promise((resolve, reject) => {
    connection.version((error, reply) => (error ? reject(error) : resolve(reply?.word ?? '')));
  });
}

function settingsOf(connection: MetaConnection): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    connection.stats('stats settings', (error, lines) => (error ? reject(error) : resolve(new Map(lines))));
  });
}

/** What stands between may answer `version` and know nothing of the meta protocol. */
function speaksMeta(connection: MetaConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.send('mg ~greeting', (error) => (error ? reject(error) : resolve()));
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no answer';
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
