// Running other programs. Plain Node: these scripts run before any package is installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Seconds with one decimal, as the steps print them. */
export const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Ends the run with one sentence of remedy instead of a stack. */
export class Remedy extends Error {}

/** Whether a program can be started at all; its standard output when it can. */
export function outputOf(command, args = ['--version']) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error === undefined && result.status === 0 ? result.stdout.trim() : undefined;
}

/** Runs a program in the foreground, its output going where ours goes. Resolves to its exit code (128 + n after a signal). */
export async function run(command, args, { env = {}, cwd = root } = {}) {
  const child = spawn(command, args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } });
  // Ctrl-C reaches the child from the terminal; npm passes it on to us a second time.
  const interrupt = () => process.stdin.isTTY || child.kill('SIGINT');
  const terminate = () => child.kill('SIGTERM');
  process.on('SIGINT', interrupt).on('SIGTERM', terminate);
  try {
    const [code] = await once(child, 'exit');
    return code ?? 128;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', terminate);
  }
}

/** Runs a program and keeps what it says; for steps whose output only matters when they fail. */
export async function runQuietly(command, args, { env = {}, cwd = root } = {}) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const [code] = await once(child, 'close');
  return { code: code ?? 128, output };
}

/** Runs a script's main function; a Remedy is printed as a sentence, anything else with its stack. */
export async function main(work) {
  try {
    process.exitCode = await work(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Remedy ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
