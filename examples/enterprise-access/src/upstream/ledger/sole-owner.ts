import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { basename, dirname, join } from 'node:path';

/**
 * Makes this process the only one that opens a database file. SQLite as WebAssembly locks by creating a folder, which outlives a
 * killed process; this lock is a socket, which the kernel takes back. Once it is ours, a folder that is left over is nobody's.
 *
 * @throws when another process owns the file.
 */
export async function becomeSoleOwner(file: string): Promise<Server> {
  const path = join(realpathSync(dirname(file)), basename(file));
  const address = socketAddress(path);
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(address);
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (await answers(address)) {
      throw new Error(`${path} is open in another process. End that one first.`, { cause: error });
    }
    rmSync(address, { force: true }); // a socket file that a killed process left, where sockets are files
    server.listen(address);
    await once(server, 'listening');
  }
  server.unref();
  rmSync(`${path}.lock`, { recursive: true, force: true });
  return server;
}

/** Linux and Windows know socket names that vanish with their process; elsewhere it is a file beside the database. */
function socketAddress(path: string): string {
  const name = `enterprise-access-ledger-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `${path}.socket`;
}

async function answers(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
