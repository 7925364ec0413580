import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface BenchServer {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** A memcached of this run, on a free loopback port. */
export function startMemcached(): Promise<BenchServer> {
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  return start('memcached', 'memcached', (port) => [
    '-l',
    '127.0.0.1',
    '-p',
    `${port}`,
    '-U',
    '0',
    '-m',
    '256',
    '-I',
    '8m',
    ...asRoot,
  ]);
}

/** A Redis of this run, on a free loopback port, without persistence. */
export function startRedis(): Promise<BenchServer> {
  return start('redis-server', 'redis-server', (port) => [
    '--bind',
    '127.0.0.1',
    '--port',
    `${port}`,
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
}

async function start(
  program: string,
  packageName: string,
  argumentsFor: (port: number) => readonly string[],
): Promise<BenchServer> {
  const port = await freePort();
  const child = spawn(program, argumentsFor(port), { stdio: 'ignore' });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) =>
      reject(new Error(`${program} could not be started. Install it: apt-get install ${packageName}`, { cause })),
    );
  });
  await Promise.race([answers(port), failed]);
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    address: `127.0.0.1:${port}`,
    port,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (connected) return;
    await delay(20);
  }
  throw new Error(`nobody answers on port ${port}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
