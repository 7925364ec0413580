import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock } from '../../value/clock.js';
import { setImmediate } from '../../value/turn.js';
import { obstacleIn } from '../obstacle.js';
import { oneRoom } from '../one-room.js';
import { isLeft, plainLine, secureLine, unixLine } from './line.js';
import type { Line } from './line.js';
import type { ServerAccess } from './server-access.js';
import type { ServerAddress } from './server-address.js';
import { signIn } from './sign-in.js';

export interface LineOptions extends ServerAccess {
  readonly server: ServerAddress;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** Holds each socket as long as it is open. */
  readonly sockets: Set<Socket>;
  /** Listeners to `data` use up each chunk during the call: the next one takes its place. Default false. Not over TLS. */
  readonly borrowsChunks?: boolean;
}

/**
 * Connects to one address of the server, over TLS and with credentials where they are given, within `connectTimeoutMs`.
 * @throws Error that says why there is none, RefusalError where the server does not let in.
 */
export async function openLine(address: string, options: LineOptions): Promise<Line> {
  const { clock, connectTimeoutMs, sockets } = options;
  const { isSocketPath, port } = options.server;
  if (isSocketPath && [...sockets].some(isLeft))
    throw new Error('what was given up on its last connection was not carried out yet');
  const borrows = options.borrowsChunks === true && !options.tls;
  const onread = borrows ? oneRoom((room, size) => socket.emit('data', room.subarray(0, size))) : undefined;
  const to = isSocketPath ? { path: address } : { host: address, port, noDelay: true };
  const socket: Socket = createConnection({ ...to, ...(onread && { onread }) });
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  let isOpen = false;
  // A loop that was blocked fires the timer first; one turn later it has learned whether the connection stands.
  const timer = clock.after(connectTimeoutMs, () => {
    setImmediate(() => {
      if (!isOpen) socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
    });
  });
  try {
    await connectionOf(socket);
    const line = await entered(socket, options);
    isOpen = true;
    return line;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    timer.cancel();
  }
}

async function entered(socket: Socket, { server, tls, credentials }: LineOptions): Promise<Line> {
  const unsecured = server.isSocketPath ? unixLine : plainLine;
  const line = tls ? await secureLine(socket, server.host, tls) : unsecured(socket);
  if (credentials) await signIn(line.socket, credentials);
  return line;
}

function connectionOf(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    // The reason of our own goes through; the system's is the cause.
    socket.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === undefined ? cause : new Error(`no connection: ${obstacleIn(cause).words}`, { cause })),
    );
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('connect', resolve);
  });
}
