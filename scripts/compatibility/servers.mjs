// A memcached and a redis-server of this run's own, on free ports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Remedy } from '../commands.mjs';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Resolves to the server's address and to what ends it. */
async function start(program, argsFor) {
  const port = await freePort();
  const server = spawn(program, argsFor(String(port)), { stdio: 'ignore' });
  const ended = once(server, 'exit').catch(() => []);
  for (let tries = 0; tries < 100; tries++) {
    if (await accepts(port)) return { address: `127.0.0.1:${port}`, stop: () => (server.kill(), ended) };
    await sleep(50);
  }
  server.kill();
  throw new Remedy(`${program} does not start: see README.md, "Try it".`);
}

export const startMemcached = () =>
  start('memcached', (port) => {
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    return ['-l', '127.0.0.1', '-p', port, '-U', '0', ...user];
  });

export const startRedis = () =>
  start('redis-server', (port) => ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
