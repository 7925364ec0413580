import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const notOurs = new Set(['node_modules', 'dist', '.git', 'coverage', '.cache', 'tmp']);

/** Every file of the repository below `folder`, if there is such a folder, as paths from the root; nothing installed or built. */
export function filesOf(folder = '.'): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !notOurs.has(name))
    .flatMap((item) => {
      const path = relative('.', join(folder, item.name));
      return item.isDirectory() ? filesOf(path) : item.isFile() ? [path] : [];
    })
    .sort();
}

export const textOf = (path: string) => readFileSync(join(root, path), 'utf8');

/** Where one way of loading finds an entry's declaration and its code. */
interface Target {
  readonly types: string;
  readonly default: string;
}

export interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly import: Target; readonly require: Target }>>;
  readonly main: string;
  readonly types: string;
  readonly typesVersions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

export const packageJson = JSON.parse(textOf('package.json')) as PackageJson;

/** What users import: the package's name and its subpaths, except package.json. */
export const entries = Object.keys(packageJson.exports)
  .filter((path) => path !== './package.json')
  .map((path) => `${packageJson.name}${path.slice(1)}`);

const newestOf = (folder: string): number =>
  Math.max(
    0,
    ...readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).map((item) =>
      item.isFile() ? statSync(join(item.parentPath, item.name)).mtimeMs : 0,
    ),
  );

/** Throws when what `npm run build` left is missing or older than the sources: a test of it would say nothing. */
export function assertBuilt(): void {
  if (existsSync(join(root, 'dist/index.js')) && newestOf('dist') >= newestOf('src')) return;
  throw new Error('dist is missing or older than src. Run: npm run build');
}

export interface Ended {
  /** 128 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function runToEnd(
  command: string,
  args: readonly string[],
  { cwd = root, env = {}, timeoutMs = 150_000 }: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Ended {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 2 ** 20,
  });
  if (result.error !== undefined) throw result.error;
  return { code: result.status ?? 128, stdout: result.stdout, stderr: result.stderr };
}

/**
 * Runs a program until it prints `text`, then ends it and everything it started. Resolves to what it printed; `code` is 0 when
 * the text came, and the program's own code (or 128) when it ended or the time was over without it.
 */
export async function runUntil(
  text: string,
  command: string,
  args: readonly string[],
  { cwd = root, env = {}, timeoutMs = 150_000 }: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Ended> {
  const child = spawn(command, args, { cwd, env: { ...process.env, NODE_OPTIONS: '', ...env }, detached: true });
  const signalGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // The group is gone already.
    }
  };
  let stdout = '';
  let stderr = '';
  let seen = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    if (seen || !stdout.includes(text)) return;
    seen = true;
    signalGroup('SIGTERM');
    insist.refresh();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const timeout = setTimeout(() => signalGroup('SIGKILL'), timeoutMs);
  const insist = setTimeout(() => seen && signalGroup('SIGKILL'), 5_000);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(seen ? 0 : exitCode || 128));
  });
  clearTimeout(timeout);
  clearTimeout(insist);
  signalGroup('SIGKILL');
  return { code, stdout, stderr };
}
