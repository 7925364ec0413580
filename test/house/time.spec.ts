import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { filesOf, textOf } from './repository.js';

/**
 * What asks a clock or a source of chance of the machine's own. What waits for the end of a turn, or for the next turn of the loop, and not for a time, comes from
 * `value/turn.ts`: fake timers, Jest's by default, hold the global ones.
 */
const ambient = new Set([
  ...['Date.now', 'performance.now', 'Math.random', 'process.hrtime', 'process.uptime'],
  ...['AbortSignal.timeout', 'os.uptime', 'crypto.randomInt', 'process.nextTick'],
]);
/** Of Node's modules, by name. Tokens and ids are drawn by `randomBytes` and `randomUUID`: nobody has to repeat those. */
const imported = new Set(['uptime', 'randomInt', 'setTimeout', 'setInterval', 'nextTick']);
const called = new Set(['setTimeout', 'setInterval', 'queueMicrotask']);
/** A default of a parameter, where something is made, is where the machine's own comes in. */
const machines = new Set(['systemClock', 'systemRandom']);

/** Who may, and why: a file, or one of its uses. */
const allowed: Readonly<Record<string, string>> = {
  'src/adapter/cache-manager.ts: systemClock': 'is the clock that Keyv goes by, and nothing is to be shifted for',
  'src/adapter/clocked-storage.ts: Date.now': 'is what Keyv compares with, whatever the cache’s clock says',
  'src/adapter/keyv-shard.ts: randomInt': 'draws revisions, which no two processes may share',
  'src/module/tiered-cache.module.ts: systemClock': 'is where an application gets the machine’s',
  'src/module/tiered-cache.module.ts: systemRandom': 'is where an application gets the machine’s',
  'src/object/s3/s3-object-store.ts: systemClock': 'is a default of its tuning',
  'src/object/s3/s3-object-store.ts: systemRandom': 'is a default of its tuning',
  'src/store/disk/process-stamp.ts: uptime': 'names the machine’s start, where the system does not',
  'src/store/disk/process-stamp.ts: systemClock': 'names the machine’s start, where the system does not',
  'src/store/memcached/list/list-follower.ts: randomInt': 'draws ids of lists, which no two processes may share',
  'src/store/memcached/memcached-store.ts: systemClock': 'is a default of its tuning',
  'src/store/memcached/memcached-store.ts: systemRandom': 'is a default of its tuning',
  'src/testing/lock-contract.ts': 'measures a lock on a real server, whose clock nobody moves',
  'src/testing/store-contract/counters.ts': 'compares counters with the time that they begin with',
  'src/testing/store-contract/lives.ts': 'measures lives on a real server, whose clock nobody moves',
  'src/testing/store-contract/subject.ts': 'lets real time pass where the store under test has a clock of its own',
};

/** Most files mention none of it. */
const mayMention =
  /Date|performance|random|hrtime|uptime|setTimeout|setInterval|setImmediate|timers|nextTick|queueMicrotask|AbortSignal|system(Clock|Random)/;

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
  if (ts.isCallExpression(node) && called.has(lastName(node.expression))) return node.expression.getText();
  if (
    ts.isCallExpression(node) &&
    node.expression.getText() === 'setImmediate' &&
    !importsImmediate(node.getSourceFile())
  )
    return 'setImmediate';
  if (ts.isImportSpecifier(node)) return isOfNode(node) ? (node.propertyName ?? node.name).text : undefined;
  if (ts.isIdentifier(node) && machines.has(node.text) && !isDefault(node)) return node.text;
  if (ts.isImportDeclaration(node) && /^'(node:)?timers/.test(node.moduleSpecifier.getText()))
    return node.importClause?.namedBindings?.getText() === '{ setImmediate }' ? undefined : 'timers';
  return undefined;
}

const importsImmediate = ({ statements }: ts.SourceFile): boolean =>
  statements.some((one) => ts.isImportDeclaration(one) && /\bsetImmediate\b/.test(one.importClause?.getText() ?? ''));

const lastName = (called: ts.Expression): string =>
  ts.isPropertyAccessExpression(called) ? called.name.text : called.getText();

function isOfNode({ propertyName, name, parent }: ts.ImportSpecifier): boolean {
  const module = parent.parent.parent.moduleSpecifier.getText();
  return /^'node:(?!timers)/.test(module) && imported.has((propertyName ?? name).text);
}

/** `clock = systemClock` of a parameter, and `given ?? systemClock`. Its import and its own name ask nothing. */
function isDefault(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isTypeQueryNode(parent)) return true;
  if (ts.isParameter(parent) || ts.isBindingElement(parent)) return parent.initializer === node;
  return ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken;
}

const whatOf = (use: string): string => use.slice(use.indexOf(': ') + 2);

describe('time and chance', () => {
  it('are asked of what was injected: no file outside of value/ asks the machine', () => {
    const offenders = filesOf('src')
      .filter((path) => path.endsWith('.ts') && !path.startsWith('src/value/') && !(path in allowed))
      .flatMap((path) => usesOfTime(textOf(path)).map((use) => [path, use] as const))
      .filter(([path, use]) => !(`${path}: ${whatOf(use)}` in allowed))
      .map((use) => use.join(':'));
    expect(offenders).toEqual([]);
  });

  it('are asked by each file that may', () => {
    const unneeded = Object.keys(allowed).filter((who) => {
      const [path = '', what] = who.split(': ');
      return !usesOfTime(textOf(path)).some((use) => what === undefined || whatOf(use) === what);
    });
    expect(unneeded).toEqual([]);
  });

  it('are found in code, and not in comments and texts', () => {
    const code = [
      'Date.now(); new Date(); new Date(5); performance.now();',
      'x = Math.random; setTimeout(f, 1); socket.setTimeout(1);',
      "import { setTimeout } from 'node:timers/promises';\nimport { setImmediate } from 'node:timers/promises';",
      "process.hrtime.bigint(); // Date.now()\nconst script = 'Date.now()';",
      "import { uptime, cpus } from 'node:os'; import { randomInt as draw, randomBytes } from 'node:crypto';",
      'AbortSignal.timeout(5); AbortSignal.any([]);',
      "import { systemClock } from './clock.js'; const f = (clock = systemClock) => clock.now(); given ?? systemClock;",
      'const f = ({ random = systemRandom }) => random() + systemRandom(); systemClock.now(); use({ clock: systemClock });',
      'process.nextTick(f); queueMicrotask(f); globalThis.queueMicrotask(f); nextTick(f); soon(f);',
      "import { nextTick } from 'node:process'; import { nextTick } from '../value/turn.js';",
      'setImmediate(f);',
      "import { setImmediate } from '../value/turn.js'; setImmediate(f);",
    ];
    expect(code.map((line) => usesOfTime(line).map(whatOf))).toEqual([
      ['Date.now', 'new Date()', 'performance.now'],
      ['Math.random', 'setTimeout', 'socket.setTimeout'],
      ['timers'],
      ['process.hrtime'],
      ['uptime', 'randomInt'],
      ['AbortSignal.timeout'],
      [],
      ['systemRandom', 'systemClock', 'systemClock'],
      ['process.nextTick', 'queueMicrotask', 'globalThis.queueMicrotask'],
      ['nextTick'],
      ['setImmediate'],
      [],
    ]);
  });
});
