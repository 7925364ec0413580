import type { Socket } from 'node:net';

/**
 * Gives a socket up. The kernel throws away what it has not delivered to the other host; a socket that is closed would still deliver it, and an old write would
 * land after newer ones. What the other host has received, its server still reads.
 */
export function resetSocket(socket: Socket | undefined): void {
  if (!socket || socket.destroyed) return;
  socket.unref();
  // A reset waits for the connection; nothing was written on one that does not stand yet.
  if (socket.connecting) socket.destroy(new Error('given up'));
  else if (!socket.writableEnded || socket.writableFinished) {
    socket.resetAndDestroy();
    // It waits for what was not written yet, which may be for ever.
    if (socket.writableLength > 0) socket.destroy();
  }
  // While an end is on its way, a reset is refused (EINVAL), and Node forgets the socket without closing it.
  else if (socket.writableLength === 0) socket.once('finish', () => socket.resetAndDestroy());
  else socket.destroy();
}
