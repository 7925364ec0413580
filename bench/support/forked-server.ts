import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ForkedServer {
  /** One for each of what it was asked to serve, in order. */
  readonly ports: readonly number[];
  stop(): void;
}

/** A server in a process of its own: what one contender does to its process (async hooks, timers) is nobody else's burden. */
function forkServer(script: string, ...args: string[]): Promise<ForkedServer> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args);
  return new Promise((resolve, reject) => {
    child.once('message', (ports) => resolve({ ports: ports as number[], stop: () => child.disconnect() }));
    child.once('exit', (code) => reject(new Error(`${script} ${args.join(' ')} exited with ${code}`)));
  });
}

/**
 * Serves each of these in a process of its own, or, where it is enough to see that it works, all in one.
 * @returns the ports, in order.
 */
export async function forkServers(script: string, served: readonly string[], smoke: boolean): Promise<ForkedServer> {
  const servers = await Promise.all(
    (smoke ? [served] : served.map((one) => [one])).map((some) => forkServer(script, ...some)),
  );
  return {
    ports: servers.flatMap(({ ports }) => ports),
    stop: () => servers.forEach((server) => server.stop()),
  };
}

/** In the forked process: says where its servers listen, and ends with its parent. */
export function announce(ports: readonly number[]): void {
  process.on('disconnect', () => process.exit(0));
  process.send?.(ports);
}
