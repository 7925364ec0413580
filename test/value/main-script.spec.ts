import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mainScript } from '../../src/value/main-script.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'main-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const saysItself = 'process.stdout.write(__filename)';

describe('The main script', () => {
  it.each<[string, Record<string, string>, string]>([
    ['its index', { 'app/index.js': saysItself }, 'app/index.js'],
    [
      'its main',
      { 'app/package.json': '{ "main": "./dist/main.js" }', 'app/dist/main.js': saysItself },
      'app/dist/main.js',
    ],
    [
      'its main, a folder',
      { 'app/package.json': '{ "main": "dist" }', 'app/dist/index.js': saysItself },
      'app/dist/index.js',
    ],
    ['the file beside it', { 'app/index.js': saysItself, 'app.js': saysItself }, 'app.js'],
    ['its index, without a main', { 'app/package.json': '{}', 'app/index.js': saysItself }, 'app/index.js'],
  ])('of a folder is the one that Node finds: %s', (_which, files, script) => {
    put(files);
    expect(mainScript(join(folder, 'app'))).toBe(join(folder, script));
    expect(execFileSync(process.execPath, [join(folder, 'app')], { encoding: 'utf8' })).toBe(join(folder, script));
  });

  it('is the one that was named, also where it is not there, and none where nothing was', () => {
    expect(mainScript(join(folder, 'dist/main'), 'other.js')).toBe(join(folder, 'dist/main'));
    const ofPm2 = '/usr/lib/node_modules/pm2/lib/ProcessContainer.js';
    expect([mainScript(ofPm2, join(folder, 'a.js')), mainScript(ofPm2)]).toEqual([join(folder, 'a.js'), ofPm2]);
    expect(mainScript(undefined)).toBe(process.argv[1]);
  });
});
