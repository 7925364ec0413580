import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { caseNames } from '../../bench/case-names.js';
import type { Result } from '../../bench/harness.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** That each comparison works and verifies its results, not how fast anything is. */
async function smoke(names: readonly string[]): Promise<{ results: Result[]; trouble: string | undefined }> {
  const args = ['--expose-gc', '--import', 'tsx', 'bench/main.ts', ...names, '--smoke', '--json'];
  const env = { ...process.env, NODE_OPTIONS: '', TSX_TSCONFIG_PATH: 'bench/tsconfig.built.json' };
  const parsed = (stdout: string): Result[] =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Result);
  try {
    const { stdout } = await run(process.execPath, args, { cwd: root, env, timeout: 290_000 });
    return { results: parsed(stdout), trouble: undefined };
  } catch (error) {
    const { stdout, message } = error as Error & { stdout: string };
    return { results: parsed(stdout), trouble: message };
  }
}

describe('npm run bench', () => {
  let outcome: Awaited<ReturnType<typeof smoke>>;
  beforeAll(async () => {
    outcome = await smoke(caseNames);
  }, 300_000);

  it.each(caseNames)('%s: does the same work for all subjects and prints one line', (name) => {
    const result = outcome.results.find((one) => one.name === name);
    if (!result) throw new Error(`it printed no line: ${outcome.trouble ?? 'and ended well'}`);
    expect(result.failures).toEqual([]);
    expect(result.rows.some(({ subject }) => subject.startsWith(result.baseline))).toBe(true);
    expect(result.rows.some(({ subject }) => subject.startsWith('nestjs-tiered-cache'))).toBe(true);
    for (const { median } of result.rows) expect(median).toBeGreaterThan(0);
  });

  it('prints nothing else and ends well', () => {
    expect(outcome.trouble).toBeUndefined();
    expect(outcome.results.map(({ name }) => name)).toEqual(caseNames);
  });

  it('counts one load of the fleet in a stampede', () => {
    const { rows } = outcome.results.find(({ name }) => name === 'stampede') as Result;
    expect(rows.find(({ subject }) => subject === 'nestjs-tiered-cache loads')?.median).toBe(1);
  });
});
