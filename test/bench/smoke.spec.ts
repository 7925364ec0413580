import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** That each comparison works and verifies its results, not how fast anything is. */
async function smoke(
  name: string,
): Promise<{ name: string; baseline: string; rows: { subject: string; median: number }[] }> {
  const args = ['--expose-gc', '--import', 'tsx', 'bench/main.ts', name, '--smoke', '--json'];
  const env = { ...process.env, NODE_OPTIONS: '', TSX_TSCONFIG_PATH: 'bench/tsconfig.json' };
  const { stdout } = await run(process.execPath, args, { cwd: root, env, timeout: 100_000 });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof smoke>>;
}

const names = [
  'process-hit',
  'process-hit-sync',
  'request-hit',
  'shared-hit',
  'bulk',
  'stampede',
  'scope',
  'http',
  'disk-hit',
  'spliced',
  'memory',
  'keys',
];

describe('npm run bench', () => {
  it.each(names)(
    '%s: does the same work for all subjects and prints one line',
    async (name) => {
      const result = await smoke(name);
      expect(result.name).toBe(name);
      expect(result.rows.some(({ subject }) => subject.startsWith(result.baseline))).toBe(true);
      expect(result.rows.some(({ subject }) => subject.startsWith('nestjs-tiered-cache'))).toBe(true);
      for (const { median } of result.rows) expect(median).toBeGreaterThan(0);
    },
    110_000,
  );

  it('counts one load of the fleet in a stampede', async () => {
    const { rows } = await smoke('stampede');
    expect(rows.find(({ subject }) => subject === 'nestjs-tiered-cache loads')?.median).toBe(1);
  }, 110_000);
});
