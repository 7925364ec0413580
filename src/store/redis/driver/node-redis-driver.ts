import { captureSocket } from './capture-socket.js';
import { resetSocket } from '../../reset-socket.js';
import { openTcpSocket, orReset } from './tcp-socket.js';
import { answerWith, reasonOf, rethrow } from './read-reply.js';
import type { LinkOptions, RedisArgument, RedisDriver, RedisLink } from './redis-driver.js';

/** What is used of a client of `@redis/client`, 5.12 to 6. */
export interface NodeRedisClient {
  connect(): Promise<unknown>;
  sendCommand(args: readonly RedisArgument[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void, buffers: true): Promise<void>;
  sSubscribe(channel: string, listener: (message: Buffer) => void, buffers: true): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  sUnsubscribe(channel: string): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  destroy(): void;
}

/** `RESP_TYPES.BLOB_STRING` of `@redis/client`: the `$` of the protocol. */
const bulkString = 36;

/** @param create makes a client of these options: `createClient`, or a user's client's `duplicate`. */
export function nodeRedisDriver(create: (options: object) => NodeRedisClient): RedisDriver {
  return { name: 'redis', connect: (options) => connect(create, options) };
}

async function connect(
  create: (options: object) => NodeRedisClient,
  { address, database, credentials, tls, signal, onEnd }: LinkOptions,
): Promise<RedisLink> {
  let socket = tls && (await openTcpSocket(address, signal));
  const { username, password } = credentials.reveal();
  const client = orReset(socket, () =>
    create({
      url: undefined,
      RESP: 2,
      database,
      ...((username !== undefined || password !== undefined) && { username, password, credentialsProvider: undefined }),
      // What follows takes away all that acts on its own: the connection above keeps the deadlines.
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: 'disabled',
      pingInterval: undefined,
      clientSideCache: undefined,
      emitInvalidate: false,
      readonly: false,
      commandsQueueMaxLength: undefined,
      commandOptions: { timeout: undefined, typeMapping: { [bulkString]: Buffer } },
      socket: {
        host: address.host,
        port: address.port,
        reconnectStrategy: false,
        connectTimeout: 0,
        socketTimeout: undefined,
        ...(tls && socket && { ...tls.over(socket, address.host), tls: true }),
      },
    }),
  );
  let isEnded = false;
  let isReady = false;
  let lastError = 'the connection has ended';
  const reset = (): void => {
    if (isEnded) return;
    isEnded = true;
    resetSocket(socket);
    try {
      client.destroy();
    } catch {
      // Versions before 6 throw where the client has ended already.
    }
  };
  client.on('error', (error) => {
    lastError = reasonOf(error);
    if (isEnded || !isReady) return;
    reset();
    onEnd(lastError);
  });
  signal.addEventListener('abort', reset, { once: true });
  try {
    const connecting = captureSocket(() => client.connect());
    socket ??= connecting.socket;
    await connecting.result;
    if (isEnded) throw new Error(lastError);
  } catch (error) {
    reset();
    rethrow(error);
  } finally {
    signal.removeEventListener('abort', reset);
  }
  isReady = true;
  return {
    send: (args, answer) => answerWith(client.sendCommand(args), answer),
    subscribe: (channel, sharded, listener) =>
      (sharded ? client.sSubscribe(channel, listener, true) : client.subscribe(channel, listener, true)).catch(rethrow),
    unsubscribe: (channel, sharded) =>
      (sharded ? client.sUnsubscribe(channel) : client.unsubscribe(channel)).catch(rethrow),
    bytesRead: () => socket?.bytesRead ?? 0,
    ref: () => void socket?.ref(),
    unref: () => void socket?.unref(),
    reset,
  };
}
