import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ForkedServer {
  readonly port: number;
  stop(): void;
}

/** A server in a process of its own: what one contender does to its process (async hooks, timers) is nobody else's burden. */
export function forkServer(script: string, ...args: string[]): Promise<ForkedServer> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args);
  return new Promise((resolve, reject) => {
    child.once('message', (port) => resolve({ port: Number(port), stop: () => child.disconnect() }));
    child.once('exit', (code) => reject(new Error(`${script} ${args.join(' ')} exited with ${code}`)));
  });
}

/** In the forked process: says where it listens, and ends with its parent. */
export function announce(port: number): void {
  process.on('disconnect', () => process.exit(0));
  process.send?.(port);
}
