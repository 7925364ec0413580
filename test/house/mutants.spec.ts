import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { root } from './repository.js';

interface Mutant {
  readonly id: string;
  readonly line: number;
  readonly kind: string;
}

interface Scripts {
  mutantsOf(file: string, source: string): Mutant[];
  mutated(source: string, mutant: Mutant): string;
  switched(source: string, mutants: readonly (Mutant & { readonly number: number })[]): string;
}

let scripts: Scripts;
beforeAll(async () => {
  const files = ['mutants', 'switched'].map((name) => pathToFileURL(join(root, `scripts/mutations/${name}.mjs`)).href);
  scripts = Object.assign({}, ...(await Promise.all(files.map((file) => import(file) as Promise<object>)))) as Scripts;
});

/** What scripts/mutations makes of a source: the mutants, each with the text that it leaves. */
const mutantsOf = (source: string): (Mutant & { readonly text: string })[] =>
  scripts.mutantsOf('a.ts', source).map((one) => ({ ...one, text: scripts.mutated(source, one) }));

const textsOf = (source: string): string[] => mutantsOf(source).map(({ text }) => text);

describe('The mistakes that test:mutations puts into a source', () => {
  it('are comparisons that include or exclude their boundary, or point the other way', () => {
    expect(textsOf('const a = b < c;')).toEqual(['const a = b <= c;', 'const a = b >= c;']);
    expect(textsOf('const a = b === c;')).toEqual(['const a = b !== c;']);
    expect(textsOf('const a = b && c;')).toEqual(['const a = b || c;']);
  });

  it('are negated conditions, statements and values that are missing, and other constants', () => {
    expect(textsOf('if (a) b();')).toEqual(['if (!(a)) b();', 'if (a) ;']);
    expect(textsOf('const f = () => { return a; };')).toEqual(['const f = () => { return undefined as never; };']);
    expect(textsOf('const a = [!b, 0, 3, 500, true];')).toEqual([
      'const a = [(b), 0, 3, 500, true];',
      'const a = [!b, 1, 3, 500, true];',
      'const a = [!b, 0, (3 + 1), 500, true];',
      'const a = [!b, 0, 3, (500 * 10), true];',
      'const a = [!b, 0, 3, 500, false];',
    ]);
  });

  it('leave messages, types and imports alone', () => {
    const source = "import { a } from 'b';\ntype C = 1 | 2;\nthrow new RangeError(`below ${1}`);\nconst d = 'e' + f;";
    expect(textsOf(source)).toEqual([source.replace('throw new RangeError(`below ${1}`);', ';')]);
  });

  it('have names that stay the same when the line moves, and are told apart where two are alike', () => {
    const ids = (source: string): string[] => mutantsOf(source).map(({ id }) => id);
    expect(ids('\n\nif (a) b();')).toEqual(ids('if (a) b();'));
    expect(ids('b();\nb();')).toEqual(['a.ts: ⟦b();⟧ → ;', 'a.ts: ⟦b();⟧ → ; #2']);
  });
});

describe('A source that holds all its mistakes at once', () => {
  const source = [
    'function f(a, b) {',
    '  if (!a) throw a;',
    '  let sum = 0;',
    '  while (sum < b && a) { sum = sum + (a ? 2 : -b); if (sum > 9) return sum; }',
    '  return sum - b;',
    '}',
  ].join('\n');
  const inputs: readonly (readonly [unknown, number])[] = [
    [1, 5],
    [0, 3],
    [3, 40],
    ['', 1],
    [true, -1],
  ];
  const answersOf = (text: string, on: number): string => {
    let asked = 0;
    const isOn = (number: number): boolean => {
      if (++asked > 10_000) throw new Error('endless');
      return number === on;
    };
    // A loop in which no mistake is asked for ends too, by its own condition.
    const f = runInNewContext(`${text}; f`, { __mutation: { isOn } }) as (a: unknown, b: number) => unknown;
    return inputs
      .map(([a, b]) => {
        try {
          return String(f(a, b));
        } catch (error) {
          return `threw ${String(error)}`;
        }
      })
      .join();
  };

  it('does what it did while none is on, and what each would do by itself while that one is', () => {
    const mutants = scripts.mutantsOf('a.ts', source).map((one, index) => ({ ...one, number: index + 1 }));
    const text = scripts.switched(source, mutants).replaceAll(' as never', '');
    expect(mutants.length).toBeGreaterThan(15);
    expect(answersOf(text, 0)).toBe(answersOf(source, 0));
    const endless = /endless/;
    for (const mutant of mutants) {
      const answers = answersOf(text, mutant.number);
      if (endless.test(answers)) continue;
      expect([mutant.id, answers]).toEqual([
        mutant.id,
        answersOf(scripts.mutated(source, mutant).replaceAll(' as never', ''), 0),
      ]);
    }
  });

  it('keeps its lines, so that what fails is found', () => {
    const mutants = scripts.mutantsOf('a.ts', source).map((one, index) => ({ ...one, number: index + 1 }));
    expect(scripts.switched(source, mutants).split('\n')).toHaveLength(source.split('\n').length);
  });
});
