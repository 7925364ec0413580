import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

describe('A bundle that has all packages in its one file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What a program says that loads both drivers where no package lies. */
  function saidBy(...settings: string[]): string[] {
    const [entry, outfile] = [join(folder, 'entry.js'), join(folder, 'bundle.cjs')];
    writeFileSync(
      entry,
      `import { loadDriver } from ${JSON.stringify(resolve('src/store/redis/driver/load-driver.ts'))};
       const say = (name) => loadDriver(name).then((driver) => console.log(driver.name), (error) => console.log(error.message));
       void say('redis').then(() => say('ioredis'));`,
    );
    const fixed = ['--bundle', '--format=cjs', '--platform=node', '--log-level=error', `--outfile=${outfile}`];
    execFileSync(resolve('node_modules/.bin/esbuild'), [entry, ...fixed, ...settings]);
    return execFileSync(process.execPath, [outfile], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  }

  it('has the drivers as well', () => {
    expect(saidBy()).toEqual(['redis', 'ioredis']);
  });

  it('is made without those that are not installed, and says so', () => {
    expect(saidBy('--external:ioredis', '--external:@redis/client')).toEqual([
      expect.stringContaining('redis is not installed. Run `npm install'),
      expect.stringContaining('ioredis is not installed. Run `npm install'),
    ]);
  });
});
