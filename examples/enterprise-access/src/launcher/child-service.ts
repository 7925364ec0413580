import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A service in a process of its own that says where it listens. */
export interface ChildService {
  readonly address: string;
  readonly pid: number;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

/**
 * Starts `dist/<program>` on a free port. It ends with this process, however that ends: it watches the channel between the two.
 * @throws when it ends before it listens.
 */
export async function startChildService(program: string, env: NodeJS.ProcessEnv): Promise<ChildService> {
  const file = fileURLToPath(new URL(`../${program}`, import.meta.url));
  const child = fork(file, ['--port', '0'], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const ended = exited.then(([code, signal]) => {
    throw new Error(`${program} ended (${signal ?? code}) before it listened.`);
  });
  const [ready] = (await Promise.race([once(child, 'message'), ended])) as [{ address: string }];
  ended.catch(() => {});
  return {
    address: ready.address,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
