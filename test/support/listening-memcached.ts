import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { NetConnectOpts } from 'node:net';
import { dyingWithParent } from './dies-with-parent.js';
import { eventually } from './eventually.js';
import { hasStopped } from './has-stopped.js';

/** A memcached that answers not everybody: TLS, a password, a unix socket. */
export interface ListeningMemcached {
  /** Resolves when no thread of it runs any more: a signal takes a while to reach them all. */
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  /** Resolves when it has ended. */
  readonly kill: () => Promise<void>;
}

/** Starts a real memcached with these arguments, and waits until it listens there. */
export async function listeningMemcached(args: readonly string[], where: NetConnectOpts): Promise<ListeningMemcached> {
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const child = spawn(...dyingWithParent('memcached', [...asRoot, '-t', '2', ...args]), { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(where, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
  );
  return {
    pause: async () => {
      child.kill('SIGSTOP');
      await hasStopped(child.pid as number);
    },
    resume: () => void child.kill('SIGCONT'),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
