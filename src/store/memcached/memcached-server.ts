import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../value/clock.js';
import { StoreUnavailableError } from '../../value/errors.js';
import { wasClosed } from '../../value/was-closed.js';
import { reportFault } from '../../value/events.js';
import type { FaultKind } from '../../value/events.js';
import { UnfitError, dial } from './dial.js';
import type { Met } from './dial.js';
import type { MetaConnection } from './meta-connection.js';
import { openLine } from './open-line.js';
import type { LineOptions } from './open-line.js';
import { memcachedUnavailable, RefusalError, ServerError } from './server-error.js';
import type { ServerAccess } from './server-access.js';
import type { ServerAddress } from './server-address.js';
import { ServerClock, clockQuestion } from './server-clock.js';
import { ServerHome } from './server-home.js';
import type { ResolveName } from './resolve-name.js';

export interface ServerOptions extends ServerAccess {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly clock: Clock;
  readonly resolve: ResolveName;
  /** How often the addresses of a name are looked up while it is connected. */
  readonly lookUpEachMs: number;
  readonly comparesServers: boolean;
}

const unfitRetryMs = 60_000;
/** Doubled at each failure. The longest is shorter than a breaker's pause, whose probe must reach the wire. */
const pauseAfterFailureMs = { first: 20, longest: 500 };
/** So that what was heard of the clock, and the item that it is read by, are not old when a lock is written. */
const clockEachMs = 60_000;
const noClock =
  'has no room for the item that its clock is read by. A lock that it gives in the moment in which it runs on after a stop may end at once.';
/** The addresses that were too slow to be compared at first are compared then. */
const firstLookMs = 1_000;

/** One server and the one connection to it, made on demand and made again when it ended. */
export class MemcachedServer {
  /** Of the present server: the largest item it takes, its own bookkeeping included. */
  itemSizeMax: number | undefined;
  /** Whether it makes room by throwing items away. Known once connected. */
  evictsItems: boolean | undefined;
  readonly name: string;
  readonly clock: ServerClock;

  /** Counts connections. What was learned on an earlier one proves nothing: the server may have restarted, and its revisions with it. */
  private sessions = 0;
  private connection: MetaConnection | undefined;
  /** The address that the name led to. */
  private connectedTo: string;
  private connecting: Promise<MetaConnection> | undefined;
  private sockets = new Set<Socket>();
  private closed = false;
  private readonly home: ServerHome;
  private lookTimer: Timer | undefined;
  private clockTimer: Timer | undefined;
  private refusal: { readonly until: number; readonly error: StoreUnavailableError } | undefined;
  private failuresInRow = 0;
  /** Faults that were reported since it was last fit. */
  private readonly said = new Set<string>();

  constructor(
    private readonly address: ServerAddress,
    private readonly options: ServerOptions,
  ) {
    this.connectedTo = address.host;
    this.name = `memcached ${address.text}`;
    this.clock = new ServerClock(options.clock, () => this.readClock());
    this.home = new ServerHome(address.host, address.isSocketPath, { ...options, dial: (one) => this.dial(one) });
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
    if (this.closed) throw this.unavailable(wasClosed);
    if (this.refusal && this.options.clock.monotonic() < this.refusal.until) throw this.refusal.error;
    this.connecting ??= this.connect().finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  close(): void {
    this.closed = true;
    this.lookTimer?.cancel();
    this.clockTimer?.cancel();
    this.connection?.end(wasClosed);
    for (const socket of this.sockets) socket.destroy();
  }

  unavailable(problem: string, cause?: unknown): StoreUnavailableError {
    return memcachedUnavailable(this.name, problem, { cause });
  }

  private async connect(): Promise<MetaConnection> {
    try {
      const met = await this.home.reach();
      const { connection, itemSizeMax, evictsItems } = met;
      // Closed, or ended, while the greeting was under way.
      if (this.closed) connection.end(wasClosed);
      if (connection.isShutdown()) throw this.unavailable('the connection has ended');
      this.connection = connection;
      this.connectedTo = met.address;
      this.itemSizeMax = itemSizeMax;
      this.evictsItems = evictsItems;
      this.said.clear();
      this.failuresInRow = 0;
      this.refusal = undefined;
      this.readClock();
      this.lookAfter(Math.min(firstLookMs, this.options.lookUpEachMs), met);
      return connection;
    } catch (error) {
      const pauseMs = Math.min(pauseAfterFailureMs.first * 2 ** this.failuresInRow++, pauseAfterFailureMs.longest);
      throw this.failed(error, pauseMs);
    }
  }

  private readClock(): void {
    const { connection } = this;
    this.clockTimer?.cancel();
    if (!connection) return;
    this.clockTimer = this.options.clock.after(clockEachMs, () => this.readClock());
    const sentAt = this.options.clock.monotonic();
    connection.send(clockQuestion, (_, reply) => {
      this.clock.note(connection.session, reply, sentAt);
      if (reply?.code === 'EN') this.sayOnce('degraded', `${this.name} ${noClock}`);
    });
  }

  private dial(address: string): Promise<Met> {
    const startedAt = this.options.clock.monotonic();
    const onEnd = (ended: MetaConnection): void => {
      if (this.connection === ended) this.connection = undefined;
    };
    return dial(address, { ...this.lineOptions, ...this.options, startedAt, session: ++this.sessions, onEnd });
  }

  /** A name may come to lead elsewhere, while this process goes on where it is connected. */
  private lookAfter(delayMs: number, met: Met): void {
    this.lookTimer?.cancel();
    if (this.home.isFixed || this.closed) return;
    this.lookTimer = this.options.clock.after(delayMs, () => void this.look(met));
  }

  /** Never rejects. */
  private async look(met: Met): Promise<void> {
    try {
      const moved = await this.home.look(met);
      if (this.connection !== met.connection) return;
      if (moved) this.sayOnce('degraded', `${this.name} ${moved.said}`);
      if (moved?.leaves) met.connection.end('its name leads to another server now');
      else this.lookAfter(this.options.lookUpEachMs, met);
    } catch (error) {
      if (this.connection !== met.connection) return;
      met.connection.end(this.failed(error, 0).message);
    }
  }

  private failed(error: unknown, pauseMs: number): StoreUnavailableError {
    const unavailable = error instanceof StoreUnavailableError ? error : this.unavailable(reasonOf(error), error);
    this.refuseFor(error instanceof UnfitError ? unfitRetryMs : pauseMs, unavailable);
    if (error instanceof UnfitError) this.sayOnce(error.kind, `${this.name} ${error.said}`);
    if (error instanceof RefusalError || error instanceof ServerError)
      this.sayOnce('unavailable', `${this.name} turned the connection away: ${error.message}. It is tried again.`);
    return unavailable;
  }

  /** Nobody is asked again before a longer refusal is over. */
  private refuseFor(pauseMs: number, error: StoreUnavailableError): void {
    const until = this.options.clock.monotonic() + pauseMs;
    if (!this.refusal || this.refusal.until < until) this.refusal = { until, error };
  }

  /** A connection of its own: for what would hold up the commands of the one that all share. @throws StoreUnavailableError */
  async extraSocket(): Promise<Socket> {
    await this.connected();
    try {
      return (await openLine(this.connectedTo, this.lineOptions)).socket;
    } catch (error) {
      throw this.unavailable(reasonOf(error), error);
    }
  }

  private get lineOptions(): LineOptions {
    return { ...this.options, server: this.address, sockets: this.sockets };
  }

  private sayOnce(kind: FaultKind, message: string): void {
    if (this.said.has(message)) return;
    this.said.add(message);
    reportFault({ source: this.name, kind, message });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no answer';
}
