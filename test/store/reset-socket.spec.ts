import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openTcpSocket } from '../../src/store/redis/driver/tcp-socket.js';
import { resetSocket } from '../../src/store/reset-socket.js';

describe('A socket that is given up', () => {
  let server: Server;
  let peer: Promise<Socket>;
  let socket: Socket;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true });
    peer = once(server, 'connection').then(([accepted]) => accepted as Socket);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    socket = await openTcpSocket({ host: '127.0.0.1', port, text: `127.0.0.1:${port}` }, new AbortController().signal);
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /** What the peer is told, once both ends are closed. */
  async function resetAfter(before: () => void): Promise<unknown> {
    const accepted = await peer;
    const told = new Promise((resolve) => {
      accepted.on('error', ({ message }) => resolve(message)).on('end', () => accepted.end());
      accepted.on('close', () => resolve('closed'));
    });
    accepted.resume();
    const closed = once(socket, 'close');
    before();
    resetSocket(socket);
    await closed;
    return told;
  }

  it('is closed where its end is on its way: a reset is refused then', async () => {
    expect(await resetAfter(() => void socket.end())).toMatch(/ECONNRESET|closed/);
  });

  it('is closed where something was not sent before its end', async () => {
    expect(await resetAfter(() => void socket.end(Buffer.alloc(2 ** 25)))).toMatch(/ECONNRESET|closed/);
  });

  it('is reset, and may be given up twice', async () => {
    expect(await resetAfter(() => resetSocket(socket))).toMatch(/ECONNRESET/);
  });
});
