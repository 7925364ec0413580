import { writeFile } from 'node:fs/promises';
import { catalogue } from './catalogue.js';
import { recordsAsMarkdown } from './records.js';

/** Writes CATALOGUE.md and RECORDS.md anew: `npx tsx examples/key-catalogue/src/write-catalogue.ts`. */
await writeFile(new URL('../CATALOGUE.md', import.meta.url), catalogue.toMarkdown());
await writeFile(new URL('../RECORDS.md', import.meta.url), recordsAsMarkdown());
