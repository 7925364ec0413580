import { writeFile } from 'node:fs/promises';
import { catalogue } from './catalogue.js';

/** Writes CATALOGUE.md anew: `npx tsx examples/key-catalogue/src/write-catalogue.ts`. */
await writeFile(new URL('../CATALOGUE.md', import.meta.url), catalogue.toMarkdown());
