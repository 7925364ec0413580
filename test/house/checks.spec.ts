import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { root, runToEnd } from './repository.js';

/** Lines that no compiler is to accept. */
const typeErrors: readonly (readonly [code: string, line: string])[] = [
  ['TS2322', "export const count: number = 'one';"],
  ['TS2322', 'export const first = (list: readonly string[]): string => list[0];'],
  ['TS2375', 'export const given: { name?: string } = { name: undefined };'],
  ['TS4111', 'export const named = (all: Record<string, number>): number => all.total;'],
  ['TS7030', 'export function sign(n: number): number | undefined { if (n > 0) return 1; }'],
  ['TS7029', 'export function fall(n: number): void { switch (n) { case 1: n.toFixed(); case 2: break; } }'],
  ['TS4114', 'class A { a(): void {} } export class B extends A { a(): void {} }'],
  ['TS18046', 'export const message = (): string => { try { return ""; } catch (e) { return e.message; } };'],
  ['TS7006', 'export const twice = (n) => n * 2;'],
  ['TS1484', "import { Size } from './shape.js'; export const size: Size = { width: 1 };"],
  ['TS2304', 'export const missing = nowhere;'],
  ['TS2554', 'export const many = Math.random(1);'],
  ['TS1241', 'const mark = (_: Function): void => {}; export class C { @mark d(): void {} }'],
  ['TS2540', 'export const o: { readonly a: number } = { a: 1 }; o.a = 2;'],
  // Last: it speaks of the line after it.
  ['TS2578', '/* @ts-expect-error */ export const fine = 1;'],
];

const unusedSwitch = 'a rule that is switched off in vain';

/** Lines that the linter is to refuse, by the rule that does. */
const slips: Readonly<Record<string, string>> = {
  'no-floating-promises': 'export function f1(): void { later(); }',
  'no-misused-promises': 'export const f2 = [1].forEach(async () => later());',
  'no-unsafe-assignment': "export const f3: string = JSON.parse('');",
  'no-unsafe-return': "export const f4 = (): string => JSON.parse('');",
  'no-unsafe-member-access': "export const f5 = JSON.parse('').length as number;",
  'no-unsafe-call': "export const f6 = JSON.parse('')() as number;",
  'no-unsafe-argument': "export const f7 = Number.parseInt(JSON.parse(''));",
  'await-thenable': 'export const f8 = async (): Promise<void> => { await 1; await later(); };',
  'unbound-method': 'export const f9 = new Map<string, number>().get;',
  'no-base-to-string': 'export const f10 = `${{}}`;',
  'restrict-template-expressions': 'export const f11 = (x: string[] | null): string => `${x}`;',
  'no-unnecessary-type-assertion': "export const f12 = ('a' as string) as string;",
  'switch-exhaustiveness-check':
    "export function f13(x: 'a' | 'b'): void { switch (x) { case 'a': later().catch(Number); } }",
  'no-explicit-any': 'export const f14: any = 1;',
  'no-unused-vars': 'const f15 = 1;',
  'ban-ts-comment': "/* @ts-ignore */ export const f16: number = '';",
  'consistent-type-imports': "import { Shape } from './shape.js'; export const f17: Shape = {};",
  'no-console': 'console.log(1);',
  eqeqeq: 'export const f19 = (x: unknown): boolean => x == 1;',
  'prefer-const': 'let f20 = 1; export const f21 = f20;',
  'no-empty': 'export function f22(): void { try { later().catch(Number); } catch {} }',
  'no-control-regex': 'export const f23 = /\\u0001/;',
  'no-constant-condition': 'export function f24(): void { if (true) later().catch(Number); }',
  'no-unsafe-function-type': 'export const f25 = (x: Function): string => x.name;',
  'no-require-imports': "export const f26 = require('node:fs') as unknown;",
  [unusedSwitch]: 'export const f27 = 1; // eslint-disable-line no-console -- in vain',
};

describe('What is planted is refused', () => {
  let folder: string;
  const write = (file: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, file), `${lines.join('\n')}\n`);
    return join(folder, file);
  };
  const program = (path: string): string => join(root, 'node_modules', path);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'planted-'));
    write('package.json', ['{ "type": "module" }']);
    write('shape.ts', ['export class Shape {}', 'export interface Size {', '  readonly width: number;', '}']);
    const settings = { extends: join(root, 'tsconfig.json'), compilerOptions: { types: [], paths: {} } };
    write('tsconfig.json', [JSON.stringify({ ...settings, files: ['types.ts'], include: [] })]);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('by npm run typecheck', () => {
    const lines = typeErrors.map(([, line]) => line);
    write('types.ts', lines);
    const compiler = program('typescript-7/bin/tsc');
    const { stdout } = runToEnd(process.execPath, [compiler, '-p', folder, '--pretty', 'false']);
    const errors = [...stdout.matchAll(/types\.ts\((\d+),\d+\): error (TS\d+)/g)];
    const told = errors.map(([, line, code]) => `${line} ${code}`);
    expect(typeErrors.map(([code], index) => `${index + 1} ${code}`).filter((one) => !told.includes(one))).toEqual([]);
  });

  it('by npm run lint:rules', () => {
    const file = write('slips.ts', [...Object.values(slips), 'declare function later(): Promise<void>;']);
    const { stdout } = runToEnd(
      process.execPath,
      [program('oxlint/bin/oxlint'), '-c', join(root, '.oxlintrc.json'), '-f', 'unix', file],
      { cwd: folder },
    );
    const told = [...stdout.matchAll(/slips\.ts:(\d+):.* \[Error(.*)\]/g)].map(([, line, rule]) => `${line} ${rule}`);
    const wanted = Object.keys(slips).map((rule, index) => `${index + 1} ${rule === unusedSwitch ? '' : rule}`);
    const isTold = (line: string): boolean => told.some((one) => one.replace(/\/\w+\((.+)\)/, '$1') === line);
    expect(wanted.filter((line) => !isTold(line))).toEqual([]);
  });

  it('by npm run lint:format', () => {
    const check = (file: string): number => runToEnd(process.execPath, ['scripts/check-format.mjs', file]).code;
    expect(check(write('ugly.ts', ['export const a = {b:1}']))).toBe(1);
    expect(check(write('broken.ts', ['export const a = ;']))).toBe(2);
    // What only Prettier writes like this.
    const union =
      "  'a week' | 'a day' | 'an hour' | 'a minute' | 'a second' | 'a millisecond' | 'a microsecond' | 'a nanosecond';";
    expect(check(write('fine.ts', ['export const a = { b: 1 };']))).toBe(0);
    expect(check(write('union.ts', ['export type Unit =', union]))).toBe(0);
  });
});
