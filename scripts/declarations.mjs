// Writes a declaration for `require` beside each declaration for `import`: the code is one ES module, and Node lets both have it, but TypeScript
// (module: node16, or any CommonJS project before 5.8) takes a .d.ts of this package for something that only `import` may name.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** `from './store.js'` and `import('./store.js')`: in a .d.cts they have to name the .cjs, whose declaration is the .d.cts beside it. */
const relativeImport = /(\bfrom |\bimport\(|\bimport )(['"])(\.{1,2}\/[^'"]+)\.js\2/g;

export const forRequire = (declaration) =>
  declaration.replace(relativeImport, (_whole, before, quote, path) => `${before}${quote}${path}.cjs${quote}`);

const declarations = readdirSync(dist, { recursive: true }).filter((path) => path.endsWith('.d.ts'));
for (const path of declarations) {
  writeFileSync(`${dist}${path.replace(/\.d\.ts$/, '.d.cts')}`, forRequire(readFileSync(`${dist}${path}`, 'utf8')));
}
