import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Result } from './harness.js';

/** A Node to run benchmarks on. */
export interface NodeProgram {
  readonly path: string;
  readonly version: string;
}

export const thisNode: NodeProgram = { path: process.execPath, version: process.versions.node };

/** Of one benchmark: none takes a third of it on a machine that does nothing else. */
const limitMs = 15 * 60_000;

/**
 * Another Node: a path of one, or a version that npm has, which is installed into a temporary folder outside of the repository and removed at the end.
 * Undefined where that can't be had, such as offline.
 */
export function otherNode(wanted: string): NodeProgram | undefined {
  const path = existsSync(wanted) ? wanted : installed(wanted);
  if (path === undefined) return undefined;
  return { path, version: execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim() };
}

function installed(version: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), `bench-node-${version}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    const options = ['--silent', '--no-audit', '--no-fund', '--prefix', folder];
    execFileSync('npm', ['install', ...options, `node@${version}`], { stdio: 'ignore', timeout: 300_000 });
  } catch {
    return undefined;
  }
  const path = join(folder, 'node_modules/node/bin/node');
  return existsSync(path) ? path : undefined;
}

/**
 * Runs one benchmark in a process of its own, so that none inherits another's heap, and none ends the run.
 * @throws Error saying why there is no result.
 */
export function runOn(node: NodeProgram, name: string, flags: readonly string[]): Promise<Result> {
  const args = ['--expose-gc', '--import', 'tsx', 'bench/main.ts', name, '--json', ...flags];
  const child = spawn(node.path, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // The package as it was built, not its sources.
    env: { ...process.env, TSX_TSCONFIG_PATH: 'bench/tsconfig.built.json' },
  });
  let out = '';
  let lastWords = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    lastWords = (lastWords + text).slice(-4_000);
  });
  // It ends its servers, then itself.
  const limit = setTimeout(() => child.kill('SIGTERM'), limitMs);
  const kill = (): unknown => child.kill('SIGTERM');
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      process.off('exit', kill);
      const line = out.split('\n').find((one) => one.startsWith('{'));
      if (line !== undefined) resolve(JSON.parse(line) as Result);
      else reject(new Error(reasonOf(lastWords) ?? `it ended with ${signal ?? code}`));
    });
  });
}

/** The error in what Node says of an uncaught one. */
function reasonOf(text: string): string | undefined {
  return text
    .split('\n')
    .find((line) => /^(\w*Error\b|Error \[)/.test(line))
    ?.trim()
    .replace(/^Error: /, '');
}
