import type { KeyClassDescription, ParameterDescription } from './key-class-facts.js';
import type { ObjectClassDescription, ObjectParameterDescription } from './object-class.js';

/** Lists instead of tables: they need no alignment, so a change of one class changes no other line. */
export function describeAsMarkdown(
  classes: readonly KeyClassDescription[],
  objects: readonly ObjectClassDescription[] = [],
): string {
  const ofObjects = objects.length === 0 ? '' : ` and ${counted(objects.length, 'object class')}`;
  const count = `${counted(classes.length, 'key class')}${ofObjects}`;
  const parts = [...classes.map(section), ...objects.map(objectSection)];
  return `${['# Key catalogue', `${count}. Generated from the code: change it there.`, ...parts].join('\n\n')}\n`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 'es'}`;

function objectSection(objectClass: ObjectClassDescription): string {
  const { pattern, parameters, contentType, maxBytes, immutable, cache, secret, owner } = objectClass;
  const kept = cache === false ? 'not kept' : `kept as ${code(cache)}`;
  const lines = [
    ...parameters.map((parameter) => `- parameter ${describeObjectParameter(parameter)}`),
    `- type: ${contentType === null ? 'as it was uploaded' : code(contentType)}`,
    ...(maxBytes === null ? [] : [`- at most: ${maxBytes} bytes`]),
    `- ${immutable ? 'never replaced' : 'may be replaced'}`,
    `- file cache: ${kept}`,
    ...(secret ? ['- a secret: no links, never to be cached'] : []),
    ...(owner === null ? [] : [`- owner: ${plain(owner)}`]),
  ];
  const paragraphs = [objectClass.holds, objectClass.description].filter((text) => text !== null).map(plain);
  return [`## Object ${code(pattern)}`, ...paragraphs, lines.join('\n')].join('\n\n');
}

const mintedTexts = {
  random: '128 random bits',
  unix: 'the instant of the put, in seconds since 1970',
  isoformat: 'the instant of the put, as `isoformat` writes it in UTC',
};

function describeObjectParameter(parameter: ObjectParameterDescription): string {
  const { name, minted, hint } = parameter;
  if (minted) return `${code(name)}: ${mintedTexts[minted]}`;
  return `${describeParameter(parameter)}${hint ? '; a hint, which may not match' : ''}`;
}

function section(keyClass: KeyClassDescription): string {
  const { codec, schema, life, staleFor, negative, tags, inheritTags, tiers, owner, parameters } = keyClass;
  const named = [
    ...(tags.length === 0 ? [] : [tags.map(code).join(', ')]),
    ...(inheritTags ? ['those of what its loader reads'] : []),
  ];
  const lines = [
    ...parameters.map((parameter) => `- parameter ${describeParameter(parameter)}`),
    `- bytes: ${code(codec)}${schema === null ? '' : `, checked with ${plain(schema)}`}`,
    `- life: ${plain(life)}`,
    ...(staleFor === null ? [] : [`- stale for: ${plain(staleFor)}`]),
    ...(negative === null ? [] : [`- negative answers: ${plain(negative)}`]),
    ...(named.length === 0 ? [] : [`- tags: ${named.join(', and ')}`]),
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
