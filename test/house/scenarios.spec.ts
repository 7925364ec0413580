import { describe, expect, it } from '@jest/globals';
import { filesOf, textOf } from './repository.js';

const page = 'docs/scenarios.md';
const sources = ['test', 'examples']
  .flatMap(filesOf)
  .filter((path) => path.endsWith('.ts') && path !== 'test/house/scenarios.spec.ts');
const specs = sources.filter((path) => path.endsWith('.spec.ts'));

/** The codes that the page explains, each in a row of its own. */
const explained = [...textOf(page).matchAll(/^\| ([A-Z]\d{1,2}) /gm)].map(([, code]) => code);

/** The codes at the beginning of a text, such as a title: `L2 L3 L12 learns that …`. */
const codesOf = (text: string): string[] => /^(?:[A-Z]\d{1,2} )+/.exec(text)?.[0].trim().split(' ') ?? [];

/** What stands in quotes as the first argument of a test, a describe, or a call that makes one. */
const titlesOf = (source: string): string[] =>
  [...source.matchAll(/\b(?:it|test|describe)(?:\.\w+)*(?:\([^`'"]*\))?\(\s*([`'"])(.*?)\1/gs)].map(
    ([, , title = '']) => title,
  );

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

  it('are found in titles', () => {
    expect(
      titlesOf("it.each(stores)(`L1 four ${x}`, () => {}); describe('F2 a', () => { it('V10 b', () => {}) });"),
    ).toEqual(['L1 four ${x}', 'F2 a', 'V10 b']);
    expect(codesOf('L2 L3 L12 learns')).toEqual(['L2', 'L3', 'L12']);
    expect(codesOf('S3')).toEqual([]);
  });
});
