import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { installCommand, loadedPackages } from '../../src/value/install-command.js';
import { entries, filesOf, packageJson, root, textOf } from './repository.js';

interface Combination {
  readonly packages: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
}

/**
 * What these ranges claim and no combination runs: the first version of each alternative, and the newest of the last one. A combination asks for
 * the newest by a version that leaves something open, such as `12`.
 */
function untried(ranges: Readonly<Record<string, string>>, combinations: readonly Combination[]): string[] {
  return Object.entries(ranges).flatMap(([name, range]) => {
    const tried = combinations.map(({ packages, overrides }) => overrides?.[name] ?? packages[name] ?? 'none');
    const floors = range.split(' || ').map((alternative) => alternative.replace('^', ''));
    const last = floors.at(-1) ?? '';
    const newest = range.endsWith(`^${last}`) ? [last.replace(/^((0\.)?\d+)\..*$/, '$1')] : [];
    return [...floors, ...newest].filter((version) => !tried.includes(version)).map((version) => `${name}@${version}`);
  });
}

describe('The peers that package.json names', () => {
  let combinations: Combination[];
  beforeAll(async () => {
    const address = pathToFileURL(join(root, 'scripts/compatibility/versions.mjs')).href;
    ({ combinations } = (await import(address)) as { combinations: Combination[] });
  });

  it('are those that the compatibility run installs, from the first version to the newest', () => {
    expect(combinations.length).toBeGreaterThan(3);
    expect(untried(packageJson.peerDependencies, combinations)).toEqual([]);
  });

  it('are tried through every entry of the package', () => {
    const parts = filesOf('scripts/compatibility/parts').map(textOf).join('\n');
    expect(entries.filter((entry) => !parts.includes(`from '${entry}'`))).toEqual([]);
  });

  it('are what errors advise to install, in these versions', () => {
    for (const name of loadedPackages) {
      expect(installCommand(name)).toBe(`npm install "${name}@${packageJson.peerDependencies[name]}"`);
    }
    const advising = filesOf('src').filter((file) => /\bnpm install\b|\binstall (it|lmdb)\b/i.test(textOf(file)));
    expect(advising).toEqual(['src/value/install-command.ts']);
  });

  // Negative control of the first.
  it.each([
    ['^3.0.0 || ^12.0.0', ['3.0.0', '12.0.0', '12'], []],
    ['^3.0.0 || ^12.0.0', ['3.0.0', '12'], ['a@12.0.0']],
    ['^3.0.0 || ^12.0.0', ['3', '12.0.0', '12'], ['a@3.0.0']],
    ['^0.1.12 || ^0.2.0', ['0.1.12', '0.2.0'], ['a@0.2']],
    ['>=6', ['6.0.0', '7'], ['a@>=6']],
    ['1.0.5', ['1.0.5'], []],
  ])('%s with %j leaves %j untried', (range, versions, expected) => {
    const tried = versions.map((version) => ({ packages: { a: version } }));
    expect(untried({ a: range }, tried)).toEqual(expected);
  });
});
