import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Catalogue } from '../../catalogue/catalogue.js';
import type { KeyClassFacts } from '../../catalogue/key-class-facts.js';
import type { Output } from '../command.js';
import { UsageError } from '../usage-error.js';

/** `keys [MODULE] [--format md|json] [--check FILE]` */
export async function keysCommand(args: readonly string[], { out, err }: Output): Promise<number> {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) throw new UsageError('keys takes one module');
  const format = values.format ?? 'md';
  if (format !== 'md' && format !== 'json')
    throw new UsageError(`--format is md or json, not '${format.slice(0, 20)}'`);
  const catalogue = await loadCatalogue(positionals[0] ?? configuredModule());
  const text = format === 'md' ? catalogue.toMarkdown() : `${JSON.stringify(catalogue, null, 2)}\n`;
  if (values.check === undefined) {
    out(text);
    return 0;
  }
  if (read(values.check) === text) {
    out(`${values.check} is what the code says (${catalogue.size} key classes).\n`);
    return 0;
  }
  err(
    `${values.check} is not what the code says. Write it anew: tiered-cache keys --format ${format} > ${values.check}\n`,
  );
  return 1;
}

function parse(args: readonly string[]): { values: { format?: string; check?: string }; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { format: { type: 'string' }, check: { type: 'string' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'bad arguments');
  }
}

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
  const classes = values.filter(isKeyClass);
  if (classes.length === 0) throw new UsageError(`${module} exports neither a Catalogue nor key classes`);
  return new Catalogue(classes);
}

/** By shape: the application's copy of the class may be another one than this command's. */
function isCatalogue(value: unknown): value is Catalogue {
  return typeof value === 'object' && value !== null && 'toMarkdown' in value && 'toJSON' in value;
}

function isKeyClass(value: unknown): value is KeyClassFacts {
  return typeof value === 'function' && 'pattern' in value && 'describe' in value;
}

function configuredModule(): string {
  const text = read('package.json') ?? '{}';
  const { tieredCache } = JSON.parse(text) as { tieredCache?: { catalogue?: unknown } };
  if (typeof tieredCache?.catalogue === 'string') return tieredCache.catalogue;
  throw new UsageError('keys needs a module, as an argument or as "tieredCache": { "catalogue": … } in package.json');
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
