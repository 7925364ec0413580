import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Catalogue } from '../../catalogue/catalogue.js';
import type { KeyClassFacts } from '../../catalogue/key-class-facts.js';
import type { ObjectClassFacts } from '../../catalogue/object-class.js';
import { safeText } from '../../value/safe-text.js';
import { readArguments, textOf } from '../arguments.js';
import type { Command } from '../command.js';
import { UsageError } from '../usage-error.js';

export const keysCommand: Command = {
  usage: 'keys [MODULE]',
  summary: 'prints the catalogue of keys and objects that MODULE exports',
  details: [
    'MODULE is a built file with a Catalogue, or with classes of keys or objects, among its exports. Default: "tieredCache": { "catalogue": "dist/…" }',
    'in package.json.',
    '--format md|json  default md',
    '--check FILE      prints nothing, and compares with FILE instead',
    'Exit code 1: FILE is missing or out of date.',
  ],
  async run(args, { out, err }) {
    const options = { format: { type: 'string' }, check: { type: 'string' } } as const;
    const read = readArguments(args, options, { min: 0, max: 1, what: 'one MODULE, or none' });
    const format = textOf(read, 'format') ?? 'md';
    if (format !== 'md' && format !== 'json')
      throw new UsageError(`--format is md or json, not '${format.slice(0, 20)}'`);
    const catalogue = await loadCatalogue(read.positionals[0] ?? configuredModule());
    // As it is printed: that is what stands in FILE.
    const text = safeText(format === 'md' ? catalogue.toMarkdown() : `${JSON.stringify(catalogue, null, 2)}\n`);
    const file = textOf(read, 'check');
    if (file === undefined) {
      out(text);
      return 0;
    }
    const present = textIn(file);
    if (present !== undefined && safeText(present) === text) {
      out(`${file} is up to date (${catalogue.size} classes).\n`);
      return 0;
    }
    const module = read.positionals[0] === undefined ? '' : ` ${read.positionals[0]}`;
    const as = format === 'md' ? '' : ` --format ${format}`;
    const remedy = `npx tiered-cache keys${module}${as} > ${file}`;
    if (present === undefined) err(`${file} can't be read. Make it with: ${remedy}\n`);
    else err(`${file} is out of date. Regenerate it with: ${remedy}\n`);
    return 1;
  },
};

/** @throws UsageError */
async function loadCatalogue(module: string): Promise<Catalogue> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(pathToFileURL(resolve(module)).href)) as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(
      `${module} can't be imported (${error instanceof Error ? error.message : String(error)}). Build the application first`,
    );
  }
  const values = Object.values(exported);
  const catalogue = values.find((value) => isCatalogue(value));
  if (catalogue) return catalogue;
  const classes = values.filter((value) => isKeyClass(value) || isObjectClass(value));
  if (classes.length === 0) {
    throw new UsageError(`${module} exports neither a Catalogue nor classes of keys or objects`);
  }
  return new Catalogue(classes);
}

/** By shape: the application's copy of the class may be another one than this command's. */
function isCatalogue(value: unknown): value is Catalogue {
  return typeof value === 'object' && value !== null && 'toMarkdown' in value && 'toJSON' in value;
}

function isKeyClass(value: unknown): value is KeyClassFacts {
  return typeof value === 'function' && 'pattern' in value && 'describe' in value;
}

function isObjectClass(value: unknown): value is ObjectClassFacts {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'object' && 'pattern' in value
  );
}

function configuredModule(): string {
  const catalogue = manifestOf(textIn('package.json') ?? '{}').tieredCache?.catalogue;
  if (typeof catalogue === 'string') return catalogue;
  throw new UsageError('keys needs a module, as an argument or as "tieredCache": { "catalogue": … } in package.json');
}

/** @throws UsageError */
function manifestOf(text: string): { readonly tieredCache?: { readonly catalogue?: unknown } | null } {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // As below.
  }
  throw new UsageError('package.json is no JSON object');
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
