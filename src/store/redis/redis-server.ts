import type { Clock } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { wasClosed } from '../../value/was-closed.js';
import { reportFault } from '../../value/events.js';
import type { FaultKind } from '../../value/events.js';
import { setImmediate } from '../../value/turn.js';
import { obstacleIn } from '../obstacle.js';
import type { LinkOptions, RedisDriver, RedisLink } from './driver/redis-driver.js';
import type { RedisAddress } from './redis-address.js';
import { RedisConnection } from './redis-connection.js';
import { readIdentity } from './redis-identity.js';
import type { RedisIdentity } from './redis-identity.js';
import { RedisServerError, redisUnavailable } from './redis-server-error.js';

export interface RedisServerSettings extends Pick<LinkOptions, 'database' | 'credentials' | 'tls'> {
  readonly driver: RedisDriver;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** What the server must be. Default `primary`. */
  readonly role?: 'primary' | 'any';
  /** One command may take keys of several slots: a node of a Cluster is not used. Default false. */
  readonly mixesSlots?: boolean;
  /**
   * Called on each new connection before any other command, with who answered; the connection is used once it resolves. A server that may have lost or
   * brought back data is met here.
   */
  readonly onMeet?: (connection: RedisConnection, identity: RedisIdentity) => Promise<void>;
  readonly onEnd?: (reason: string) => void;
}

/** `SET … NX … GET` is understood from there on. */
const leastMajorVersion = 7;
const checkTls = 'Check that it speaks TLS, its certificate, and the option `tls`.';
const unfitRetryMs = 60_000;
/** Doubled at each failure. The longest is shorter than a breaker's pause, whose probe must reach the wire. */
const pauseAfterFailureMs = { first: 20, longest: 500 };
/** What is left for the greeting when a busy process learned late that the connection stands. */
const leastGreetingMs = 100;

/** One server and the one connection to it that all commands share, made on demand and made again when it has ended. */
export class RedisServer {
  readonly name: string;
  /** Who answered when the present connection was made. */
  identity: RedisIdentity | undefined;
  /** Whether it was one when it was last connected to. */
  isReplica = false;

  private connection: RedisConnection | undefined;
  private connecting: Promise<RedisConnection> | undefined;
  private readonly living = new Set<RedisConnection>();
  private attempt: AbortController | undefined;
  private isClosed = false;
  private refusal: { readonly until: number; readonly error: StoreUnavailableError } | undefined;
  private failuresInRow = 0;
  private readonly saidUnfit = new Set<FaultKind>();
  private saidWritable = false;

  constructor(
    readonly address: RedisAddress,
    private readonly settings: RedisServerSettings,
  ) {
    this.name = `redis ${address.text}`;
  }

  /** The connection, if it stands. */
  get ready(): RedisConnection | undefined {
    return this.connection;
  }

  open(): void {
    this.isClosed = false;
    this.refusal = undefined;
  }

  /** The connection, made if need be. @throws StoreUnavailableError within the connect deadline; at once for a while after a failure. */
  async connected(): Promise<RedisConnection> {
    if (this.connection) return this.connection;
    if (this.isClosed) throw this.unavailable(wasClosed);
    if (this.refusal && this.settings.clock.monotonic() < this.refusal.until) throw this.refusal.error;
    this.connecting ??= this.connectAndRemember().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  /**
   * A further connection, which nobody shares: for subscriptions and transactions. Whoever asks for it ends it; `close` ends it as well.
   * @param commandTimeoutMs for its commands. Default: as for all.
   * @throws StoreUnavailableError
   */
  async ownConnection(
    onEnd?: (connection: RedisConnection, reason: string) => void,
    commandTimeoutMs = this.settings.commandTimeoutMs,
  ): Promise<RedisConnection> {
    if (this.isClosed) throw this.unavailable(wasClosed);
    return (await this.connect(new AbortController(), commandTimeoutMs, onEnd)).connection;
  }

  close(): void {
    this.isClosed = true;
    this.attempt?.abort();
    for (const connection of [...this.living]) connection.end(wasClosed);
  }

  unavailable(problem: string, cause?: unknown, remedy?: string): StoreUnavailableError {
    return redisUnavailable(this.name, problem, { cause, ...(remedy !== undefined && { remedy }) });
  }

  /** Why there is no connection. Neither the server's words nor those of TLS name a password. */
  private unconnected(error: unknown): StoreUnavailableError {
    if (error instanceof StoreUnavailableError) return error;
    if (error instanceof RedisServerError)
      return this.unavailable(`it refuses the connection (${error.message})`, error);
    const { words, isOfTls } = obstacleIn(error);
    if (!isOfTls || !this.settings.tls) return this.unavailable(`no connection: ${words}`, error);
    return this.unavailable(`no TLS connection: ${words}`, error, checkTls);
  }

  private async connectAndRemember(): Promise<RedisConnection> {
    this.attempt = new AbortController();
    this.isReplica = false;
    try {
      const { connection, identity } = await this.connect(
        this.attempt,
        this.settings.commandTimeoutMs,
        (ended, reason) => {
          if (this.connection !== ended) return;
          this.connection = undefined;
          this.settings.onEnd?.(reason);
        },
      );
      this.connection = connection;
      this.identity = identity;
      this.failuresInRow = 0;
      this.refusal = undefined;
      return connection;
    } catch (error) {
      const unavailable = this.unconnected(error);
      const pauseMs = Math.min(pauseAfterFailureMs.first * 2 ** this.failuresInRow++, pauseAfterFailureMs.longest);
      this.refuseFor(pauseMs * (0.5 + this.settings.random() / 2), unavailable);
      throw unavailable;
    }
  }

  /** Connects, logs in and asks who it is, all within the connect deadline. */
  private async connect(
    attempt: AbortController,
    commandTimeoutMs: number,
    onEnd?: (connection: RedisConnection, reason: string) => void,
  ): Promise<{ connection: RedisConnection; identity: RedisIdentity }> {
    const { driver, connectTimeoutMs, clock, database, credentials, tls } = this.settings;
    const startedAt = clock.monotonic();
    let connection: RedisConnection | undefined;
    let isOver = false;
    const giveUp = (): void => {
      if (isOver) return;
      attempt.abort();
      connection?.end(`no greeting within ${connectTimeoutMs} ms`);
    };
    // A busy process fires the timer first; two turns later it has learned what has arrived.
    const inTwoTurns = (): void => void setImmediate(() => setImmediate(giveUp));
    let timer = clock.after(connectTimeoutMs, inTwoTurns);
    try {
      const linking = driver.connect({
        address: this.address,
        database,
        credentials,
        tls,
        signal: attempt.signal,
        onEnd: (reason) => connection?.hasLost(reason),
      });
      const link = await untilAborted(linking, attempt.signal).catch((error: unknown) => {
        if (attempt.signal.aborted && !this.isClosed) {
          throw this.unavailable(`no connection within ${connectTimeoutMs} ms`);
        }
        throw this.unconnected(error);
      });
      connection = new RedisConnection(link, {
        name: this.name,
        commandTimeoutMs,
        clock,
        onEnd: (ended, reason) => {
          this.living.delete(ended);
          onEnd?.(ended, reason);
        },
      });
      this.living.add(connection);
      const leftMs = connectTimeoutMs - (clock.monotonic() - startedAt);
      timer.cancel();
      timer = clock.after(Math.max(leftMs, Math.min(leastGreetingMs, connectTimeoutMs)), inTwoTurns);
      const identity = await this.meet(connection);
      if (this.isClosed) connection.end(wasClosed);
      if (connection.hasEnded) throw this.unavailable('the connection has ended');
      return { connection, identity };
    } catch (error) {
      connection?.end('it was refused at the greeting');
      throw error;
    } finally {
      isOver = true;
      timer.cancel();
    }
  }

  /** Asks who it is before anything is entrusted to it. */
  private async meet(connection: RedisConnection): Promise<RedisIdentity> {
    const sentAt = this.settings.clock.monotonic();
    const identity = readIdentity(await connection.ask(['INFO']));
    const receivedAt = this.settings.clock.monotonic();
    if (!identity) throw this.unavailable('it does not say who it is');
    if (Number.parseInt(identity.version, 10) < leastMajorVersion) throw this.tooOld(identity.version.slice(0, 20));
    if (identity.isCluster && this.settings.mixesSlots) throw this.nodeOfACluster();
    if (identity.isLoading) throw this.unavailable('it is still reading its snapshot');
    this.isReplica = !identity.isPrimary;
    if (this.isReplica && this.settings.role !== 'any') {
      if (identity.isWritableReplica && !this.saidWritable) {
        this.saidWritable = true;
        const message = `${this.name} is a replica that takes writes (replica-read-only no): they are lost at its next synchronization. It is not used; name its primary, or Sentinels.`;
        reportFault({ source: this.name, kind: 'unsuitable', message });
      }
      throw this.unavailable('it is a replica');
    }
    connection.identity = identity;
    if (identity.timeMs !== undefined) connection.time = { serverMs: identity.timeMs, sentAt, receivedAt };
    await this.settings.onMeet?.(connection, identity);
    return identity;
  }

  /** Nobody is asked again before a longer refusal is over. */
  private refuseFor(pauseMs: number, error: StoreUnavailableError): void {
    const until = this.settings.clock.monotonic() + pauseMs;
    if (!this.refusal || this.refusal.until < until) this.refusal = { until, error };
  }

  private tooOld(version: string): StoreUnavailableError {
    const message = `${this.name} is version ${version}; ${leastMajorVersion}.0 or later is needed. It is not used until it is upgraded.`;
    return this.unfit('too-old', `version ${version} is older than ${leastMajorVersion}.0`, message, 'Upgrade it.');
  }

  private nodeOfACluster(): StoreUnavailableError {
    const url = `${this.settings.tls ? 'rediss' : 'redis'}+cluster://${this.address.text}`;
    const message = `${this.name} is a node of a Cluster, and was named as a Redis alone. It is not used. Name it as a Cluster: by the URL ${url}, or by the option \`cluster\`.`;
    return this.unfit('unsuitable', 'it is a node of a Cluster', message, `Name it as a Cluster, by ${url}.`);
  }

  /** Off, said once, and looked at again each minute: somebody may upgrade or replace it. */
  private unfit(kind: FaultKind, problem: string, message: string, remedy: string): StoreUnavailableError {
    const error = this.unavailable(problem, undefined, remedy);
    this.refuseFor(unfitRetryMs, error);
    if (!this.saidUnfit.has(kind)) reportFault({ source: this.name, kind, message });
    this.saidUnfit.add(kind);
    return error;
  }
}

/** Settles when the attempt is given up, whatever the driver does then. */
function untilAborted(linking: Promise<RedisLink>, signal: AbortSignal): Promise<RedisLink> {
  return new Promise((resolve, reject) => {
    linking.then((link) => (signal.aborted ? link.reset() : resolve(link)), reject);
    signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
  });
}
