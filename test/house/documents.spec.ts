import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import { startMemcached } from '../support/memcached-process.js';
import type { MemcachedProcess } from '../support/memcached-process.js';
import { blocksOf, markOf, modulesOf, untilOf } from './document-blocks.js';
import type { Ended } from './repository.js';
import { assertBuilt, filesOf, packageJson, root, runToEnd, runUntil, textOf } from './repository.js';

const readmes = ['README.md', ...filesOf('examples').filter((path) => basename(path) === 'README.md')];
const paths = [...readmes, ...filesOf('docs').filter((path) => path.endsWith('.md'))];
const documents = paths
  .filter((path) => existsSync(join(root, path)))
  .map((path) => ({ path, blocks: blocksOf(textOf(path)) }));
const modules = documents.flatMap(({ path, blocks }) => modulesOf(blocks).map((module) => ({ path, ...module })));
const scripts = documents.flatMap(({ path, blocks }) =>
  blocks
    .filter(({ language }) => language === 'bash' || language === 'sh')
    .filter((block) => markOf(block, 'run'))
    .map((block) => ({ path, line: block.line, code: block.code, run: markOf(block, 'run')?.argument ?? '' })),
);

/** Stands inside the project, so that the package is found by its own name; ignored by git. */
let scratch: string;
let memcached: Promise<MemcachedProcess> | undefined;
let copy: string | undefined;

const sourceFile = (path: string, file: string) => join(scratch, path.replace(/\.md$/, ''), file);
const builtFile = (path: string, file: string) =>
  join(scratch, 'built', path.replace(/\.md$/, ''), file.replace(/\.(m|c)?ts$/, '.$1js'));

beforeAll(() => {
  mkdirSync(join(root, 'tmp'), { recursive: true });
  scratch = mkdtempSync(join(root, 'tmp/documents-'));
});

afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  if (copy !== undefined) rmSync(copy, { recursive: true, force: true });
  await (await memcached)?.stop();
});

async function environment(withMemcached: boolean): Promise<NodeJS.ProcessEnv> {
  if (withMemcached) memcached ??= startMemcached();
  return {
    PORT: String(await freePort()),
    CACHE_DISK_PATH: mkdtempSync(join(scratch, 'disk-')),
    MEMCACHED_SERVERS: withMemcached ? (await memcached)?.address : '',
  };
}

describe('The README', () => {
  it('is there, and shows code', () => {
    expect(documents.map(({ path }) => path)).toContain('README.md');
    expect(modules.filter(({ path }) => path === 'README.md').length).toBeGreaterThan(0);
  });
});

describe('The TypeScript blocks of the documents', () => {
  let errors: { file: string; message: string }[];

  beforeAll(() => {
    assertBuilt();
    for (const { path, file, source } of modules) {
      mkdirSync(dirname(sourceFile(path, file)), { recursive: true });
      writeFileSync(sourceFile(path, file), source);
    }
    errors = compile(modules.map(({ path, file }) => sourceFile(path, file)));
  });

  /** Compiles as `npm run typecheck` does; the package is found by its own name, in dist, as users find it. */
  function compile(files: readonly string[]): { file: string; message: string }[] {
    const compilerOptions = { paths: {}, noEmit: false, rootDir: scratch, outDir: join(scratch, 'built') };
    const settings = { compilerOptions: { ...compilerOptions, inlineSourceMap: true }, files, include: [] };
    writeFileSync(
      join(scratch, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), ...settings }),
    );
    const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
    const { code, stdout } = runToEnd(process.execPath, [compiler, '-p', scratch, '--pretty', 'false']);
    const errors = [...stdout.matchAll(/^(.+?)\((\d+),\d+\): error (.*(?:\n .*)*)/gm)].map(
      ([, file = '', line, text]) => ({ file: join(root, file), message: `line ${line}: ${text}` }),
    );
    if (code !== 0 && errors.length === 0) throw new Error(stdout);
    return errors;
  }

  for (const { path, file, line, runs, until, memcached: withMemcached, prints } of modules) {
    it(`${path}:${line} ${runs ? 'compiles and runs' : 'compiles'}`, async () => {
      const ours = errors.filter((error) => error.file === sourceFile(path, file));
      expect(ours.map(({ message }) => message)).toEqual([]);
      if (!runs) return;
      const beside = until ? undefined : (await (together ??= saidTogether()))[builtFile(path, file)];
      if (beside?.code === 0 && (prints === undefined || beside.stdout.trim() === prints.trim())) return;
      // It needs a process of its own, or is wrong: what it does alone is what counts.
      const env = await environment(withMemcached);
      const args = ['--enable-source-maps', builtFile(path, file)];
      const options = { cwd: env['CACHE_DISK_PATH'] ?? scratch, env, timeoutMs: 70_000 };
      const { code, stdout, stderr } = until
        ? await runUntil(until, process.execPath, args, options)
        : runToEnd(process.execPath, args, options);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      if (prints !== undefined) expect(stdout.trim()).toBe(prints.trim());
    });
  }

  let together: Promise<Record<string, Ended>> | undefined;

  /** What each block did when all of them ran one after the other in one process. Nothing where that process did not end well by itself. */
  async function saidTogether(): Promise<Record<string, Ended>> {
    const blocks = await Promise.all(
      modules
        .filter((module) => module.runs && module.until === undefined)
        .map(async ({ path, file, memcached: withMemcached }) => {
          const env = await environment(withMemcached);
          return { file: builtFile(path, file), directory: env['CACHE_DISK_PATH'], env };
        }),
    );
    const list = join(mkdtempSync(join(scratch, 'together-')), 'list.json');
    writeFileSync(list, JSON.stringify(blocks));
    const runner = join(root, 'test/house/run-blocks.mjs');
    try {
      const { code } = runToEnd(process.execPath, ['--enable-source-maps', runner, list], { timeoutMs: 150_000 });
      return code === 0 ? (JSON.parse(readFileSync(`${list}.said`, 'utf8')) as Record<string, Ended>) : {};
    } catch {
      return {}; // it did not end
    }
  }
});

describe('The shell blocks of the documents', () => {
  /** A second working tree: the commands may build and write what they like. */
  function workingTree(): string {
    if (copy !== undefined) return copy;
    copy = mkdtempSync(join(tmpdir(), `${packageJson.name}-`));
    for (const path of filesOf()) cpSync(join(root, path), join(copy, path));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    return copy;
  }

  for (const { path, line, code, run } of scripts) {
    it(`${path}:${line} runs`, async () => {
      const env = await environment(run.includes('memcached'));
      const until = untilOf(run);
      const args = ['-euo', 'pipefail', '-c', code];
      const options = { cwd: workingTree(), env, timeoutMs: 110_000 };
      const ended = until ? await runUntil(until, 'bash', args, options) : runToEnd('bash', args, options);
      expect({ code: ended.code, output: ended.code === 0 ? '' : ended.stdout + ended.stderr }).toEqual({
        code: 0,
        output: '',
      });
    });
  }
});
