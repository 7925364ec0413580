import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { root } from './repository.js';

interface Mutant {
  readonly id: string;
  readonly line: number;
  readonly kind: string;
}

let scripts: {
  mutantsOf(file: string, source: string): Mutant[];
  mutated(source: string, mutant: Mutant): string;
};
beforeAll(async () => {
  scripts = (await import(pathToFileURL(join(root, 'scripts/mutations/mutants.mjs')).href)) as typeof scripts;
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
