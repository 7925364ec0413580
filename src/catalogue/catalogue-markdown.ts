import type { KeyClassDescription, ParameterDescription } from './key-class-facts.js';

/** Lists instead of tables: they need no alignment, so a change of one class changes no other line. */
export function describeAsMarkdown(classes: readonly KeyClassDescription[]): string {
  const count = `${classes.length} key class${classes.length === 1 ? '' : 'es'}`;
  return `${['# Key catalogue', `${count}. Generated from the code: change it there.`, ...classes.map(section)].join('\n\n')}\n`;
}

function section(keyClass: KeyClassDescription): string {
  const { codec, schema, life, staleFor, negative, tags, tiers, owner, parameters } = keyClass;
  const lines = [
    ...parameters.map((parameter) => `- parameter ${describeParameter(parameter)}`),
    `- bytes: ${code(codec)}${schema === null ? '' : `, checked with ${plain(schema)}`}`,
    `- life: ${plain(life)}`,
    ...(staleFor === null ? [] : [`- stale for: ${plain(staleFor)}`]),
    ...(negative === null ? [] : [`- negative answers: ${plain(negative)}`]),
    ...(tags.length === 0 ? [] : [`- tags: ${tags.map(code).join(', ')}`]),
    `- tiers: ${tiers.join(', ')}`,
    ...(owner === null ? [] : [`- owner: ${plain(owner)}`]),
  ];
  const paragraphs = [keyClass.holds, keyClass.description].filter((text) => text !== null).map(plain);
  return [`## ${code(keyClass.pattern)}`, ...paragraphs, lines.join('\n')].join('\n\n');
}

function describeParameter({ name, type, values, matches, none }: ParameterDescription): string {
  const what = values ? `one of ${values.map(code).join(', ')}` : `a ${type}`;
  const matching = matches === undefined ? '' : ` that matches ${code(matches)}`;
  return `${code(name)}: ${what}${matching}${none === undefined ? '' : `; ${code(none)} when left out`}`;
}

/** A fence longer than any run of backticks within. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${text}${fence}` : `${fence} ${text} ${fence}`;
}

/** One line, with nothing in it that Markdown would take for markup: an underscore within a word is none. */
function plain(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\\`*[\]<>]|(?<!\w)_|_(?!\w)/g, '\\$&');
}
