import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { root, runToEnd } from './repository.js';

describe('The last line of npm test', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  /** What scripts/jest.mjs makes of a project with these test files: its last line and its exit code. */
  function summaryOf(
    files: Record<string, string>,
    { progress = false, exitWithinMs = 30_000, again = false } = {},
  ): { line: string; code: number; output: string; told: string } {
    const folder = mkdtempSync(join(tmpdir(), 'run-summary-'));
    folders.push(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const config = JSON.stringify({ rootDir: folder, transform: {} });
    const program = `
      import { printSummary, runJest } from ${JSON.stringify(join(root, 'scripts/jest.mjs'))};
      const result = await runJest(['--runInBand'], ${JSON.stringify({ config, limitMs: 120_000, exitWithinMs, progress, again })});
      process.exitCode = printSummary(result);
    `;
    const { code, stdout, stderr } = runToEnd(process.execPath, ['--input-type=module', '-e', program]);
    return { line: stdout.trimEnd().split('\n').at(-1) ?? '', code, output: stderr, told: stdout };
  }

  const passing = "test('passes', () => {});";

  it('counts what passed', () => {
    expect(summaryOf({ 'a.test.js': passing, 'b.test.js': passing })).toMatchObject({
      line: '2 passed, 0 failed',
      code: 0,
    });
  });

  it('counts a test that fails and a file that cannot be read as failures, a skipped test as neither', () => {
    const files = {
      'a.test.js': `${passing} test('fails', () => { throw new Error('no'); }); test.skip('waits', () => {});`,
      'b.test.js': 'this is not JavaScript',
    };
    expect(summaryOf(files)).toMatchObject({ line: '1 passed, 2 failed', code: 1 });
  });

  it('counts a run that does not end by itself as a failure', () => {
    const summary = summaryOf({ 'a.test.js': `${passing} setInterval(() => {}, 1000);` }, { exitWithinMs: 500 });
    expect(summary).toMatchObject({ line: '1 passed, 1 failed', code: 1 });
    expect(summary.output).toContain('Jest did not exit by itself');
  });

  it('comes after a line for each file, with what failed and what was printed in it', () => {
    const files = {
      'a.test.js': `${passing} test('prints', () => console.log('a figure'));`,
      'b.test.js': `${passing} test("fails (−) as it's told", () => { throw new Error('the reason'); });`,
    };
    const { line, code, output } = summaryOf(files, { progress: true });
    expect({ line, code }).toEqual({ line: '3 passed, 1 failed', code: 1 });
    expect(output).toMatch(/^ok {6}\[\d\/2, \d+\.\d s\] .*a\.test\.js: 2 passed \(\d+\.\d s\)$/m);
    expect(output).toMatch(/^FAILED {2}\[\d\/2, \d+\.\d s\] .*b\.test\.js: 1 passed, 1 failed \(\d+\.\d s\)$/m);
    expect(output).toMatch(/^ +a figure$/m);
    expect(output).toContain('the reason');
    expect(output).toMatch(/^ {2}● .*b\.test\.js: fails \(−\) as it's told$/m);
    expect(output).toMatch(/^ {4}npm run jest -- .*b\.test\.js -t 'fails \\\(−\\\) as it\.s told'$/m);
  });

  describe('with a second run of what failed', () => {
    // Fails the first time: the file that says so is still there.
    const unsteady = `
      const { existsSync, rmSync } = require('node:fs');
      test('is unsteady', () => {
        const first = existsSync(__dirname + '/first');
        rmSync(__dirname + '/first', { force: true });
        expect(first).toBe(false);
      });
    `;
    const failing = "test('fails', () => { throw new Error('no'); });";

    it('counts a file that passes by itself as passed, and names what was unsteady', () => {
      const files = { first: '', 'a.test.js': passing, 'b.test.js': `${passing} ${unsteady}` };
      const { line, code, told } = summaryOf(files, { again: true });
      expect({ line, code }).toEqual({ line: '3 passed, 0 failed', code: 0 });
      expect(told).toMatch(/^UNSTEADY .*b\.test\.js: is unsteady$/m);
    });

    it('counts what fails again as failed', () => {
      const files = { first: '', 'a.test.js': `${passing} ${failing}`, 'b.test.js': unsteady };
      const { line, code, told } = summaryOf(files, { again: true });
      expect({ line, code }).toEqual({ line: '2 passed, 1 failed', code: 1 });
      expect(told.match(/^UNSTEADY .*$/gm)).toHaveLength(1);
    });

    it('does not happen where more than three files failed, nor where nobody asked for it', () => {
      const four = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.test.js`, failing]));
      expect(summaryOf({ first: '', ...four, 'd.test.js': unsteady }, { again: true }).line).toBe('0 passed, 4 failed');
      expect(summaryOf({ first: '', 'a.test.js': unsteady }).line).toBe('0 passed, 1 failed');
    });
  });
});
