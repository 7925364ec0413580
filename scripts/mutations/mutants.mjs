// What can be changed in a source file: small mistakes that a test should notice. Each mutant is one replacement of a piece of text.
import ts from 'typescript';

const { SyntaxKind } = ts;

/** Operators, and what a slip of the pen makes of them. */
const operators = new Map([
  [SyntaxKind.LessThanToken, ['<=', '>=']],
  [SyntaxKind.LessThanEqualsToken, ['<', '>']],
  [SyntaxKind.GreaterThanToken, ['>=', '<=']],
  [SyntaxKind.GreaterThanEqualsToken, ['>', '<']],
  [SyntaxKind.EqualsEqualsEqualsToken, ['!==']],
  [SyntaxKind.ExclamationEqualsEqualsToken, ['===']],
  [SyntaxKind.AmpersandAmpersandToken, ['||']],
  [SyntaxKind.BarBarToken, ['&&']],
  [SyntaxKind.MinusToken, ['+']],
  [SyntaxKind.AsteriskToken, ['/']],
  [SyntaxKind.SlashToken, ['*']],
]);

const isText = (node) => ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);

/** Messages, types and what stands in the head of a file change nothing that a test should notice; a subclass without `super` can't begin. */
const isBeyond = (node) =>
  ts.isTypeNode(node) ||
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  (ts.isNewExpression(node) && /Error$/.test(node.expression.getText())) ||
  (ts.isNumericLiteral(node) && node.parent.name === node) ||
  (ts.isExpressionStatement(node) && node.getText().startsWith('super('));

/** @returns `[kind, from, to, text]` for one node: what stands from `from` up to `to` becomes `text`. */
function changesOf(node) {
  const whole = [node.getStart(), node.getEnd()];
  if (ts.isBinaryExpression(node)) {
    const { operatorToken: token, left, right } = node;
    if (token.kind === SyntaxKind.PlusToken && !isText(left) && !isText(right))
      return [['operator', token.getStart(), token.getEnd(), '-']];
    return (operators.get(token.kind) ?? []).map((text) => ['operator', token.getStart(), token.getEnd(), text]);
  }
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return negated(node.expression);
  if (ts.isConditionalExpression(node)) return negated(node.condition);
  if (ts.isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken)
    return [['condition', ...whole, `(${node.operand.getText()})`]];
  if (ts.isNumericLiteral(node)) return [['constant', ...whole, otherNumber(node)]];
  if (node.kind === SyntaxKind.TrueKeyword) return [['constant', ...whole, 'false']];
  if (node.kind === SyntaxKind.FalseKeyword) return [['constant', ...whole, 'true']];
  if (ts.isExpressionStatement(node)) return [['statement', ...whole, ';']];
  if (ts.isThrowStatement(node)) return [['statement', ...whole, ';']];
  if (ts.isReturnStatement(node) && node.expression?.getText() === 'undefined') return [];
  if (ts.isReturnStatement(node))
    return [node.expression ? ['return', ...whole, 'return undefined as never;'] : ['return', ...whole, ';']];
  return [];
}

/** A boundary is off by one; of an amount of time or space that makes no difference, but ten times as much does. */
function otherNumber(node) {
  if (node.text === '0') return '1';
  return Number(node.text) < 10 ? `(${node.getText()} + 1)` : `(${node.getText()} * 10)`;
}

function negated(condition) {
  // A condition that begins with ! is negated where that stands; a comparison by its operator.
  if (ts.isPrefixUnaryExpression(condition)) return [];
  if (ts.isBinaryExpression(condition) && operators.has(condition.operatorToken.kind)) return [];
  return [['condition', condition.getStart(), condition.getEnd(), `!(${condition.getText()})`]];
}

/**
 * All mutants of a file, in the order of the text.
 *
 * @returns objects `{ id, file, line, kind, from, to, text, within }`; `id` says what becomes of which line, and stays the same while that
 * line does, wherever it moves to. `within` are the bounds of the whole expression or statement that changes.
 */
export function mutantsOf(file, source) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const mutants = [];
  const seen = new Map();
  const visit = (node) => {
    if (isBeyond(node)) return;
    for (const [kind, from, to, text] of changesOf(node)) {
      const { line } = tree.getLineAndCharacterOfPosition(from);
      const name = nameOf(source, from, to, text);
      const before = seen.get(name) ?? 0;
      seen.set(name, before + 1);
      const id = `${file}: ${name}${before > 0 ? ` #${before + 1}` : ''}`;
      const within = kind === 'operator' ? [node.getStart(), node.getEnd()] : [from, to];
      mutants.push({ id, file, line: line + 1, kind, from, to, text, within });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return mutants.sort((a, b) => a.from - b.from || a.id.localeCompare(b.id));
}

/** The line with what stands there in brackets, and what comes in its place. */
function nameOf(source, from, to, text) {
  const start = source.lastIndexOf('\n', from) + 1;
  const lineEnd = source.indexOf('\n', from);
  const end = Math.min(to, lineEnd === -1 ? source.length : lineEnd);
  const rest = to > end ? '…' : source.slice(end, lineEnd);
  const line = `${source.slice(start, from)}⟦${source.slice(from, end)}⟧${rest}`.trim();
  return `${line} → ${text.split('\n')[0]}`;
}

export const mutated = (source, { from, to, text }) => source.slice(0, from) + text + source.slice(to);
