import { basename, dirname } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { filesOf, textOf } from './repository.js';

const maxLines = 300;
// cache-manager is the name of a package.
const vagueName =
  /(^|\/)(utils?|common|types|misc|base|impl)(\.|\/)|(^|[-/.])(helpers?|(?<!cache-)managers?|utils)(?=[-/.]|$)/i;
const looseEnd = /@ts-(ignore|nocheck|expect-error)|\bas any\b|\bTODO\b|\bFIXME\b/;
// A test that only some machines can run may be skipped on the others (`capable ? it : it.skip`): the run counts it.
const switchedOff =
  /(?<!\? (\w+ : )?)\b(it|test|describe)(\.\w+(\([^()]*\))?)*\.(skip|only|todo|failing)\b|\b[xf](it|test|describe)\(/;
// jest.config.js gives three minutes.
const lessTime = /^ *\},\s*(\d{1,2}|1[0-7]\d)_000,?\s*\);/m;
// Written in pieces so that this file does not contain what it forbids.
const machinePath = new RegExp(
  `(^|[^\\w.-])/(${['wo' + 'rk', 'ro' + 'ot', 'tmp/ba' + 'sh', 'ho' + 'me/\\w+'].join('|')})/`,
);

const patterns = { vagueName, looseEnd, switchedOff, lessTime, machinePath };

const code = filesOf('src').filter((path) => path.endsWith('.ts'));
const tests = ['test', 'examples', 'bench'].flatMap(filesOf).filter((path) => path.endsWith('.ts'));
const texts = filesOf().filter((path) => /\.(ts|[cm]?js|json|md|ya?ml|txt|sh|snap)$|^\.ci\/|^\.\w+$/.test(path));

/** `path:line: text` of each line that matches. */
const linesThatMatch = (pattern: RegExp, paths: readonly string[]) =>
  paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );

describe('The files of the repository', () => {
  it('are found', () => {
    expect(code).toContain('src/store/store.ts');
    expect(tests).toContain('test/house/files.spec.ts');
    expect(texts).toContain('package-lock.json');
  });

  it(`of src have at most ${maxLines} lines`, () => {
    const lengths = code.map((path) => [path, textOf(path).trimEnd().split('\n').length] as const);
    expect(lengths.filter(([, length]) => length > maxLines)).toEqual([]);
  });

  it('of src have names that say something', () => {
    expect(code.filter((path) => vagueName.test(path))).toEqual([]);
  });

  it('of src are named in kebab-case, with a kind after a dot where Nest has one', () => {
    const fine = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?\.ts$/;
    expect(code.filter((path) => !fine.test(basename(path)))).toEqual([]);
  });

  it('are barrels only in src itself', () => {
    expect(code.filter((path) => basename(path) === 'index.ts' && dirname(path) !== 'src')).toEqual([]);
  });

  it('of src leave no loose ends', () => {
    expect(linesThatMatch(looseEnd, code)).toEqual([]);
  });

  it('of src print nothing, except for the command line', () => {
    const quiet = code.filter((path) => !path.startsWith('src/cli/'));
    // An example in a docstring may print.
    expect(linesThatMatch(/^(?!\s*(\*|\/\/)).*\bconsole\.\w+\(/, quiet)).toEqual([]);
  });

  it('switch a lint rule off only with a reason', () => {
    const withoutReason = /eslint-disable(?!.* -- \S)/;
    expect(
      linesThatMatch(withoutReason, [...code, ...tests.filter((path) => !path.endsWith('house/files.spec.ts'))]),
    ).toEqual([]);
  });

  it('hold no test that is switched off or narrowed', () => {
    expect(
      linesThatMatch(
        switchedOff,
        tests.filter((path) => !path.startsWith('test/house/')),
      ),
    ).toEqual([]);
  });

  it('give no test less time than the suite gives: it ends what hangs, and a busy machine is slow', () => {
    const others = tests.filter((path) => !path.startsWith('test/house/files.spec'));
    expect(others.filter((path) => lessTime.test(textOf(path)))).toEqual([]);
  });

  it('mention no folder of the machine they were written on', () => {
    expect(linesThatMatch(machinePath, texts)).toEqual([]);
  });

  it('of the lock file point to no registry but the public one', () => {
    expect(linesThatMatch(/"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/, ['package-lock.json'])).toEqual([]);
  });

  it('of the lock file name the packages of every platform, or `npm ci` refuses it', () => {
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const known = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter((name) => !known.has(name))).toEqual([]);
  });

  // Negative controls of the patterns above.
  it.each<[keyof typeof patterns, string]>([
    ['vagueName', 'src/cache/utils.ts'],
    ['vagueName', 'src/common/thing.ts'],
    ['vagueName', 'src/store/store-manager.ts'],
    ['vagueName', 'src/value/types.ts'],
    ['looseEnd', 'const x = y as any;'],
    ['looseEnd', '// @ts-ignore'],
    ['switchedOff', "it.skip('x', () => {})"],
    ['switchedOff', "describe.only('x', () => {})"],
    ['switchedOff', "it.each([]).only('x')"],
    ['switchedOff', "xit('x')"],
    ['lessTime', '  }, 40_000);'],
    ['lessTime', '    },\n    60_000,\n  );'],
    ['machinePath', `see /${'wo' + 'rk'}/main/src`],
  ])('%s finds %j', (name, line) => {
    expect(line).toMatch(patterns[name]);
  });

  it.each<[keyof typeof patterns, string]>([
    ['vagueName', 'src/store/store.ts'],
    ['vagueName', 'src/adapter/cache-manager-wrap.ts'],
    ['vagueName', 'src/value/database.ts'],
    ['switchedOff', "(mountable ? it : it.skip)('a full disk')"],
    ['switchedOff', "const inProcesses = store === 'memory' ? it.skip : it;"],
    ['switchedOff', "it('skips what is only here', () => {})"],
    ['lessTime', '  }, 300_000);'],
    ['lessTime', "    await cache.set('k', 1, 60_000);"],
    ['machinePath', 'https://example.org/framework/main'],
    ['machinePath', 'node_modules/.cache'],
  ])('%s leaves %j alone', (name, line) => {
    expect(line).not.toMatch(patterns[name]);
  });
});
