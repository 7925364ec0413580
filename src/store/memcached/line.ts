import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { obstacleIn } from '../obstacle.js';
import { resetSocket } from '../reset-socket.js';
import type { TlsSettings } from '../tls-settings.js';
import { recordWriter } from './record-writer.js';
import { writeParts } from './write-parts.js';
import type { Part } from './write-parts.js';

/** A connected socket, how commands are written to it, and how to leave it while they are under way. */
export interface Line {
  readonly socket: Socket;
  /** Sends what was said in one turn. */
  readonly write: (parts: readonly Part[]) => void;
  /**
   * Takes back what has not come to the server's host. Closed in order, it would still be delivered: 1. P sets k, and waits in vain. 2. P closes, and
   * removes k over another connection. 3. Somebody stores a newer k. 4. The older one arrives. What the host's kernel has received the server reads in spite of a
   * reset: one that stood still carries it out when it runs on (twenty times of twenty on Linux 6.18). So the key of such a `set` is removed twice, see `mayStillArrive`.
   */
  readonly cut: () => void;
}

export const plainLine = (socket: Socket): Line => ({
  socket,
  write: (parts) => writeParts(socket, parts),
  cut: () => resetSocket(socket),
});

/**
 * The kernel takes nothing back that went into a unix socket. It is closed from this side, and the server closes it once it has carried out what
 * was written; until then no other is opened (`isLeft`).
 */
export const unixLine = (socket: Socket): Line => ({
  socket,
  write: (parts) => writeParts(socket, parts),
  cut: () => {
    socket.unref();
    socket.end();
    socket.resume();
  },
});

/** Left, and the server has not carried out everything. */
export const isLeft = (socket: Socket): boolean => socket.writableEnded && !socket.destroyed;

/** TLS over a socket that is connected. A TLS socket has no reset of its own: the one below it is reset. */
export function secureLine(socket: Socket, host: string, tls: TlsSettings): Promise<Line> {
  return new Promise((resolve, reject) => {
    const secured = connectTls(tls.over(socket, host));
    const fail = (cause: Error): void => {
      secured.destroy();
      reject(new Error(`no TLS connection: ${obstacleIn(cause).words}`, { cause }));
    };
    const closed = (): void => fail(new Error('the server closed it. Does it speak TLS?'));
    secured.once('error', fail);
    secured.once('close', closed);
    secured.once('secureConnect', () => {
      secured.off('close', closed).off('error', fail);
      const cut = (): void => {
        resetSocket(socket);
        secured.destroy();
      };
      // Between here and the connection's own listener.
      secured.on('error', () => {});
      resolve({ socket: secured, write: recordWriter(secured), cut });
    });
  });
}
