import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { filesOf, root, textOf } from './repository.js';

const page = 'docs/scenarios.md';
const sources = ['test', 'examples']
  .flatMap(filesOf)
  .filter((path) => path.endsWith('.ts') && path !== 'test/house/scenarios.spec.ts');
const specs = sources.filter((path) => path.endsWith('.spec.ts'));

/** The codes that the page explains, each in a row of its own. */
const explained = [...textOf(page).matchAll(/^\| ([A-Z]\d{1,2})(?: \(−\))? +\|/gm)].map(([, code]) => code);

/** The codes at the beginning of a text, such as a title: `L2 L3 L12 learns that …`. */
const codesOf = (text: string): string[] => /^(?:[A-Z]\d{1,2} )+/.exec(text)?.[0].trim().split(' ') ?? [];

/** What stands in quotes as the first argument of a test, a describe, or a call that makes one. */
const titlesOf = (source: string): string[] =>
  [...source.matchAll(/\b(?:it|test|describe)(?:\.\w+)*(?:\([^`'"]*\))?\(\s*([`'"])(.*?)\1/gs)].map(
    ([, , title = '']) => title,
  );

/** `S1 as R1; L2 to L4`: R1, which is played for S1, and L2, L3, L4. */
const codesIn = (cell: string): string[] =>
  [...cell.replaceAll(/[A-Z]\d{1,2} as /g, '').matchAll(/([A-Z])(\d{1,2})(?: to \1(\d{1,2}))?/g)].flatMap(
    ([, letter = '', first, last = first]) =>
      Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => `${letter}${Number(first) + index}`),
  );

/** The rows of a page that say by which command scenarios are played: `| L2 to L4 | `npm test` … |`. Not those of the suite itself. */
const commandRowsOf = (path: string): { readonly codes: readonly string[]; readonly command: string }[] =>
  [...textOf(path).matchAll(/^\| ([A-MO-Z]\d.*?) +\| `npm (?:run )?(.*?)`.* \|$/gm)].map(
    ([, cell = '', command = '']) => ({
      codes: codesIn(cell),
      command,
    }),
  );

/** A spec, and what it imports of the tests: some titles stand in files that several specs share. */
function withImportsOf(path: string): string[] {
  const imported = [...textOf(path).matchAll(/from '(\.[^']*)\.js'/g)].map(([, from = '']) =>
    relative(root, join(root, dirname(path), `${from}.ts`)),
  );
  return [path, ...imported.filter((one) => !one.startsWith('src/') && existsSync(join(root, one)))];
}

const codesPlayedBy = (path: string): string[] =>
  withImportsOf(path).flatMap((one) =>
    [...textOf(one).matchAll(/\(\s*[`'"]((?:[A-Z]\d{1,2} )+)/g)].flatMap(([, codes = '']) => codes.trim().split(' ')),
  );

const { fleetSuites } = (await import(pathToFileURL(join(root, 'scripts/named-suites.mjs')).href)) as {
  readonly fleetSuites: readonly string[];
};

/** What a command runs. `test:endurance` runs all but scenarios that need rights. */
const filesOfCommand: Readonly<Record<string, readonly string[]>> = {
  test: specs.filter((path) => !fleetSuites.includes(path)),
  'test:fleets': fleetSuites,
  'test:scenarios': sources.filter((path) => path.endsWith('.scenario.ts')),
  'test:endurance': sources.filter((path) => /\.(spec|endurance)\.ts$/.test(path)),
};

const playedByCommand = (command: string, isOfInterest = (_path: string): boolean => true): ReadonlySet<string> =>
  new Set((filesOfCommand[command] ?? []).filter(isOfInterest).flatMap(codesPlayedBy));

describe('The codes of scenarios', () => {
  it('are explained once each', () => {
    expect(explained.length).toBeGreaterThan(50);
    expect(explained).toEqual([...new Set(explained)]);
  });

  it('stand in titles only if the page explains them', () => {
    const used = specs.flatMap((path) =>
      titlesOf(textOf(path)).flatMap((title) => codesOf(title).map((code) => [path, code])),
    );
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter(([, code]) => !explained.includes(code))).toEqual([]);
  });

  it('stand in a title each, and in a spec that test:endurance finds by them, but for those of the suite itself', () => {
    const played = sources.flatMap((path) => {
      const titles = textOf(path).matchAll(/\(\s*[`'"]((?:[A-Z]\d{1,2} )+)/g);
      return [...titles].flatMap(([, codes = '']) => codes.trim().split(' '));
    });
    const texts = sources
      .filter((path) => /\.(spec|endurance)\.ts$/.test(path))
      .map(textOf)
      .join('\n');
    const isPlayed = (code: string): boolean => played.includes(code) && new RegExp(`\\b${code}\\b`).test(texts);
    expect(explained.filter((code = '') => !code.startsWith('N') && !isPlayed(code))).toEqual([]);
  });

  it('stand beside the command that plays them, where that is not npm test or where it needs rights', () => {
    const usual = playedByCommand('test');
    const ofFleetsAlone = [...playedByCommand('test:fleets')].filter((code) => !usual.has(code));
    const inOrder = (codes: Iterable<string>): string[] =>
      explained.flatMap((code = '') => ([...codes].includes(code) ? [code] : []));
    const said = Object.fromEntries(commandRowsOf(page).map(({ codes, command }) => [command, inOrder(codes)]));
    expect(said).toEqual({
      'test:fleets': inOrder(ofFleetsAlone),
      'test:scenarios': inOrder(playedByCommand('test:scenarios')),
    });
  });

  it('stand on the page about Redis beside a command that plays them there', () => {
    const rows = commandRowsOf('docs/redis.md');
    expect(rows.length).toBeGreaterThan(5);
    const onRedis = (path: string): boolean =>
      withImportsOf(path).some((one) =>
        /redis|storePlaceNames|fleetStores|lockServerNames|oneLockServer/i.test(textOf(one)),
      );
    const wrong = rows.flatMap(({ codes, command }) => {
      const played = playedByCommand(command, onRedis);
      return codes.filter((code) => !played.has(code)).map((code) => `${code} by ${command}`);
    });
    expect(wrong).toEqual([]);
  });

  it('are read from tables by ranges and names', () => {
    expect(codesIn('S1 as R1; S2, S4 to S6; T10 as R5')).toEqual(['R1', 'S2', 'S4', 'S5', 'S6', 'R5']);
  });

  it('are found in titles', () => {
    expect(
      titlesOf("it.each(stores)(`L1 four ${x}`, () => {}); describe('F2 a', () => { it('V10 b', () => {}) });"),
    ).toEqual(['L1 four ${x}', 'F2 a', 'V10 b']);
    expect(codesOf('L2 L3 L12 learns')).toEqual(['L2', 'L3', 'L12']);
    expect(codesOf('S3')).toEqual([]);
  });
});
