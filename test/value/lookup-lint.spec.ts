import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import ts from 'typescript';
import { blocksOf } from '../house/document-blocks.js';
import { root, textOf } from '../house/repository.js';

const slips = [
  'if (await cache.lookup(key)) use();',
  'const answer = (await cache.lookup(key)) ? 1 : 2;',
  'const answer = !(await cache.lookup(key));',
  'const answer = (await cache.lookup(key)) && 1;',
];
const right = [
  'if ((await cache.lookup(key)).hit) use();',
  'const found = await cache.lookup(key); if (found.hit) use();',
];
const inside = (statement: string): string => `export async function ask(cache, key, use) { ${statement} }`;

/** The configuration as the page of the decision shows it. */
function documentedRules(): Linter.RulesRecord {
  const [block] = blocksOf(textOf('docs/decisions/a-lookup-is-an-object.md'));
  const { outputText } = ts.transpileModule(block?.code ?? '', { compilerOptions: { module: ts.ModuleKind.CommonJS } });
  const exports: { rules?: Linter.RulesRecord } = {};
  runInNewContext(outputText, { exports });
  return exports.rules ?? {};
}

describe('A look-up that is asked for its truth', () => {
  const rules = documentedRules();
  const told = (code: string): string[] => new Linter().verify(inside(code), [{ rules }]).map(({ message }) => message);

  it.each(slips)('is caught by the selector: %s', (slip) => {
    expect(told(slip)).toEqual(['A look-up is always an object: ask its property hit.']);
  });

  it.each(right)('is let through where its hit is asked: %s', (code) => {
    expect(told(code)).toEqual([]);
  });

  it('is caught by no-unnecessary-condition, also through a variable', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lookup-lint-'));
    const file = join(folder, 'slip.ts');
    const code = `
      import type { Lookup } from '${join(root, 'src/value/lookup.js')}';
      export async function ask(lookup: (key: string) => Promise<Lookup<number>>): Promise<number> {
        const found = await lookup('a');
        return found ? 1 : (await lookup('b')).hit ? 2 : 3;
      }`;
    writeFileSync(file, code);
    const options: ts.CompilerOptions = {
      strict: true,
      module: ts.ModuleKind.NodeNext,
      types: [],
      lib: ['lib.es2023.d.ts'],
    };
    const messages = new Linter({ cwd: folder }).verify(
      code,
      [
        {
          files: ['**/*.ts'],
          languageOptions: {
            parser: tseslint.parser,
            parserOptions: { programs: [ts.createProgram([file], options)] },
          },
          plugins: { '@typescript-eslint': tseslint.plugin },
          rules: { '@typescript-eslint/no-unnecessary-condition': 'error' },
        },
      ],
      file,
    );
    rmSync(folder, { recursive: true });
    expect(messages.map(({ ruleId, line }) => [ruleId, line])).toEqual([
      ['@typescript-eslint/no-unnecessary-condition', 5],
    ]);
  });
});
