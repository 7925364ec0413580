import { connect } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { resetSocket } from '../../reset-socket.js';
import type { TlsSettings } from '../../tls-settings.js';
import type { RedisAddress } from '../redis-address.js';

/**
 * A connected socket, made here and handed to the driver: one that the driver makes is out of reach, and could not be reset.
 * @param onread what is read into, and who is told, instead of a stream's events.
 */
export function openTcpSocket({ host, port }: RedisAddress, signal: AbortSignal, onread?: OnReadOpts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Error('given up'));
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      ...(onread && { onread }),
    });
    const giveUp = (): void => void socket.destroy(new Error('given up'));
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', giveUp);
      socket.removeListener('error', reject);
      // Whoever is handed the socket listens as well.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** TLS over a socket that is connected. Resolves when the certificate was checked. */
export function openTlsSocket(
  tls: TlsSettings,
  { host }: RedisAddress,
  socket: Socket,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secured = orReset(socket, () => connectTls(tls.over(socket, host)));
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', giveUp);
      resetSocket(socket);
      secured.destroy();
      reject(error);
    };
    const giveUp = (): void => fail(new Error('given up'));
    signal.addEventListener('abort', giveUp, { once: true });
    secured.once('error', fail);
    secured.once('close', () => fail(new Error('the connection was closed')));
    secured.once('secureConnect', () => {
      signal.removeEventListener('abort', giveUp);
      secured.removeAllListeners('close').removeListener('error', fail);
      resolve(secured);
    });
  });
}

/** What `make` makes over the socket. The socket is reset where that throws: nobody else would end it. */
export function orReset<T>(socket: Socket | undefined, make: () => T): T {
  try {
    return make();
  } catch (error) {
    resetSocket(socket);
    throw error;
  }
}
