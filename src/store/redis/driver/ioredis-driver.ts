import type { Socket } from 'node:net';
import { resetSocket } from '../../reset-socket.js';
import { openTcpSocket, openTlsSocket, orReset } from './tcp-socket.js';
import { RedisServerError } from '../redis-server-error.js';
import { nextTick } from '../../../value/turn.js';
import { answerWith, isServerWords, reasonOf, rethrow } from './read-reply.js';
import type { LinkOptions, RedisArgument, RedisDriver, RedisLink } from './redis-driver.js';

/** What is used of a client of `ioredis`, 5 and 6. */
export interface IoRedisClient {
  connect(): Promise<unknown>;
  /** The one way to Buffers that is not a method for each command. It needs `enableAutoPipelining` off, which sends the first argument as the command. */
  callBuffer(command: string, args: readonly RedisArgument[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  sunsubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...args: never[]) => void): unknown;
  disconnect(): void;
}

/** @param create makes a client of these options: `new Redis`, or a user's client's `duplicate`. */
export function ioRedisDriver(create: (options: object) => IoRedisClient): RedisDriver {
  return { name: 'ioredis', connect: (options) => connect(create, options) };
}

async function connect(
  create: (options: object) => IoRedisClient,
  { address, database, credentials, tls, signal, onEnd }: LinkOptions,
): Promise<RedisLink> {
  const tcpSocket = await openTcpSocket(address, signal);
  const stream = tls ? await openTlsSocket(tls, address, tcpSocket, signal) : tcpSocket;
  const { username, password } = credentials.reveal();
  const client = orReset(tcpSocket, () =>
    create({
      host: address.host,
      port: address.port,
      path: null,
      sentinels: null,
      Connector: connectorOf(stream),
      db: database,
      ...((username !== undefined || password !== undefined) && {
        username: username ?? null,
        password: password ?? null,
      }),
      tls: undefined,
      // What follows takes away all that acts on its own: the connection above keeps the deadlines.
      lazyConnect: true,
      protocol: 2,
      keyPrefix: '',
      connectTimeout: 0,
      commandTimeout: undefined,
      socketTimeout: undefined,
      blockingTimeout: undefined,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      enableAutoPipelining: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      reconnectOnError: null,
      disableClientInfo: true,
      connectionName: null,
      readOnly: false,
      monitor: false,
      stringNumbers: false,
      scripts: undefined,
    }),
  );
  let isEnded = false;
  let isReady = false;
  let lastError = 'the connection has ended';
  let refusal: RedisServerError | undefined;
  const reset = (): void => {
    if (isEnded) return;
    isEnded = true;
    resetSocket(tcpSocket);
    client.disconnect();
  };
  const end = (reason: string): void => {
    lastError = reason;
    if (isEnded || !isReady) return;
    reset();
    onEnd(reason);
  };
  client.on('error', (error: Error) => {
    if (isServerWords(error)) refusal = new RedisServerError(error.message);
    end(reasonOf(error));
  });
  client.on('close', () => end(lastError));
  signal.addEventListener('abort', reset, { once: true });
  try {
    await client.connect();
    // Version 5 is ready before it has logged in.
    await client.callBuffer('PING', []);
    if (isEnded || stream.destroyed) throw new Error(lastError);
  } catch (error) {
    reset();
    // The client's own rejection says only that the connection is closed.
    if (isServerWords(error)) throw new RedisServerError(error.message);
    throw refusal ?? new Error(lastError, { cause: error });
  } finally {
    signal.removeEventListener('abort', reset);
  }
  isReady = true;
  const batch = new CorkedTurn(stream);
  const listeners = new Map<string, (message: Buffer) => void>();
  const receive = (channel: Buffer, message: Buffer): void => listeners.get(channel.toString())?.(message);
  client.on('messageBuffer', receive);
  client.on('smessageBuffer', receive);
  return {
    send: ([name, ...args], answer) => {
      batch.begin();
      answerWith(client.callBuffer(String(name), args), answer);
    },
    subscribe: async (channel, sharded, listener) => {
      listeners.set(channel, listener);
      await (sharded ? client.ssubscribe(channel) : client.subscribe(channel)).catch(rethrow);
    },
    unsubscribe: async (channel, sharded) => {
      listeners.delete(channel);
      await (sharded ? client.sunsubscribe(channel) : client.unsubscribe(channel)).catch(rethrow);
    },
    bytesRead: () => tcpSocket.bytesRead,
    ref: () => void tcpSocket.ref(),
    unref: () => void tcpSocket.unref(),
    reset,
  };
}

/**
 * What ioredis asks for its stream: it gets one that is connected, handshake included. One that it made itself would be ready before its certificate was
 * checked where the socket below is given, and could not be reset where it is not.
 */
function connectorOf(stream: Socket): new () => object {
  return class {
    firstError: Error | undefined;
    connect(): Promise<Socket> {
      return Promise.resolve(stream);
    }
    disconnect(): void {
      stream.destroy();
    }
    check(): boolean {
      return true;
    }
  };
}

/** Commands of one turn leave in one write. The client's own pipelining puts some commands together wrongly, so it stays off. */
class CorkedTurn {
  private isCorked = false;

  constructor(private readonly stream: Socket) {}

  begin(): void {
    if (this.isCorked) return;
    this.isCorked = true;
    this.stream.cork();
    nextTick(() => {
      this.isCorked = false;
      this.stream.uncork();
    });
  }
}
