import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { filesOf, textOf } from './repository.js';

/** What asks a clock or a source of chance of the machine's own. `setImmediate` waits for a turn of the loop, not for a time. */
const ambient = new Set(['Date.now', 'performance.now', 'Math.random', 'process.hrtime', 'process.uptime']);
const timers = new Set(['setTimeout', 'setInterval']);

/** Who may, and why. */
const allowed: Readonly<Record<string, string>> = {
  'src/testing/lock-contract.ts': 'measures a lock on a real server, whose clock nobody moves',
  'src/testing/store-contract/counters.ts': 'compares counters with the time that they begin with',
  'src/testing/store-contract/lives.ts': 'measures lives on a real server, whose clock nobody moves',
  'src/testing/store-contract/subject.ts': 'lets real time pass where the store under test has a clock of its own',
};

/** Most files mention none of it. */
const mayMention = /Date|performance|random|hrtime|uptime|setTimeout|setInterval|timers/;

/** Each use outside of comments and texts, as `line: what`. */
function usesOfTime(text: string): string[] {
  if (!mayMention.test(text)) return [];
  const source = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const what = useOfTime(node);
    if (what) found.push(`${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function useOfTime(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ambient.has(node.getText())) return node.getText();
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && timers.has(node.expression.getText())) return node.expression.getText();
  if (ts.isImportDeclaration(node) && /^'(node:)?timers/.test(node.moduleSpecifier.getText()))
    return node.importClause?.namedBindings?.getText() === '{ setImmediate }' ? undefined : 'timers';
  return undefined;
}

describe('time and chance', () => {
  it('are asked of what was injected: no file outside of value/ asks the machine', () => {
    const offenders = filesOf('src')
      .filter((path) => path.endsWith('.ts') && !path.startsWith('src/value/') && !(path in allowed))
      .flatMap((path) => usesOfTime(textOf(path)).map((use) => `${path}:${use}`));
    expect(offenders).toEqual([]);
  });

  it('are asked by each file that may', () => {
    const unneeded = Object.keys(allowed).filter((path) => usesOfTime(textOf(path)).length === 0);
    expect(unneeded).toEqual([]);
  });

  it('are found in code, and not in comments and texts', () => {
    const code = [
      'Date.now(); new Date(); new Date(5); performance.now();',
      'x = Math.random; setTimeout(f, 1); socket.setTimeout(1);',
      "import { setTimeout } from 'node:timers/promises';\nimport { setImmediate } from 'node:timers/promises';",
      "process.hrtime.bigint(); // Date.now()\nconst script = 'Date.now()';",
    ];
    expect(code.map((line) => usesOfTime(line).map((use) => use.split(': ')[1]))).toEqual([
      ['Date.now', 'new Date()', 'performance.now'],
      ['Math.random', 'setTimeout'],
      ['timers'],
      ['process.hrtime'],
    ]);
  });
});
