import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const require = createRequire(import.meta.url);
const { version } = require('@swc/core/package.json');
const settings = JSON.parse(readFileSync(new URL('.swcrc', root), 'utf8'));
delete settings.$schema;
delete settings.sourceMaps;
const identity = JSON.stringify([version, settings]);

// Suites start hundreds of processes: what one of them compiled, the others read.
const cache = new URL('node_modules/.cache/compiled-sources/', root);
mkdirSync(cache, { recursive: true });

export async function resolve(specifier, context, next) {
  const own = /^nestjs-tiered-cache(?:\/([\w/-]+))?$/.exec(specifier);
  if (own) return { url: new URL(`src/${own[1] ?? 'index'}.ts`, root).href, shortCircuit: true };
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  // A program that the launcher starts beside itself: in dist it is JavaScript.
  if (context.parentURL === undefined && specifier.endsWith('.js') && !existsSync(new URL(specifier))) {
    const source = specifier.replace(/\.js$/, '.ts');
    if (existsSync(new URL(source))) return { url: source, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  return { format: 'module', source: compiled(readFileSync(filename, 'utf8'), filename), shortCircuit: true };
}

function compiled(source, filename) {
  const name = createHash('sha1').update(`${identity}\0${filename}\0${source}`).digest('hex');
  const kept = new URL(`${name}.mjs`, cache);
  try {
    return readFileSync(kept, 'utf8');
  } catch {
    // The compiler itself takes a tenth of a second to load.
    const { code } = require('@swc/core').transformSync(source, { ...settings, swcrc: false, filename });
    // Others compile the same file at the same time: a whole file appears at once.
    const own = new URL(`${name}.${process.pid}.tmp`, cache);
    writeFileSync(own, code);
    renameSync(own, kept);
    return code;
  }
}
